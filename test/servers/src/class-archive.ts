/**
 * Classes as the JVM had them in memory after they were read, linked and verified, in a file that every later start maps (class data
 * sharing, JEP 350): a third of the CPU time of a start. Written once by `provision.ts`; without it everything works as before.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

export interface ClassArchive {
  /** Our own classes; an archive knows jars only. */
  readonly jar: string;
  readonly file: string;
}

/** The archive of a finished build, to use or to be recorded; undefined: there is none, or another JDK wrote it. */
export async function classArchive(
  home: string,
  recording: boolean,
  path: string = process.env['PATH'] ?? '',
): Promise<ClassArchive | undefined> {
  const dir = await directory(home, path);
  if (dir === undefined) return undefined;
  const archive = { jar: join(dir, 'classes.jar'), file: join(dir, 'classes.jsa') };
  return recording || existsSync(archive.file) ? archive : undefined;
}

/** Without a fitting archive the JVM starts as if it had none: `-Xshare:auto`. */
export function archiveFlags({ file }: ClassArchive, recording: boolean): readonly string[] {
  return [recording ? `-XX:ArchiveClassesAtExit=${unfinished(file)}` : `-XX:SharedArchiveFile=${file}`];
}

/**
 * @param run starts the server so that it records its classes, waits until it is ready, and stops it
 * @throws what `run` throws
 */
export async function recordClasses(home: string, run: () => Promise<void>): Promise<void> {
  const archive = await classArchive(home, true);
  if (archive === undefined || existsSync(archive.file)) return;
  const dir = join(archive.file, '..');
  await mkdir(dir, { recursive: true });
  await rm(unfinished(archive.file), { force: true });
  await promisify(execFile)('jar', ['--create', '--file', archive.jar, '-C', join(home, 'classes'), '.']);
  await run();
  if (existsSync(unfinished(archive.file))) await rename(unfinished(archive.file), archive.file);
}

const unfinished = (file: string): string => `${file}.new`;

/** Of this build and this JDK: another one cannot read the archive. */
async function directory(home: string, path: string): Promise<string | undefined> {
  for (const place of path.split(delimiter)) {
    const java = join(place, 'java');
    if (!existsSync(java)) continue;
    const program = await realpath(java);
    const { mtimeMs } = await stat(program);
    const jdk = createHash('sha256').update(`${program} ${mtimeMs}`).digest('hex').slice(0, 8);
    return join(home, `shared-${jdk}`);
  }
  return undefined;
}

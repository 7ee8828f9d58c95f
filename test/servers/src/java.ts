/** How the JVM servers are started: small, and with nothing written outside their directory. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { classPath } from './build-maven.ts';
import { archiveFlags, classArchive } from './class-archive.ts';

export interface JavaLaunch {
  readonly home: string;
  readonly dir: string;
  readonly mainClass: string;
  /** Maximum heap; MB. */
  readonly heapMb: number;
  /** Directories of resources, on the class path before everything else; after it where classes come from an archive. */
  readonly resources?: readonly string[];
  /** Writes the archive of its classes when it ends. */
  readonly recordsClasses?: boolean;
  readonly jvmFlags: readonly string[];
  readonly args: readonly string[];
}

export async function javaCommand(launch: JavaLaunch): Promise<readonly string[]> {
  const tmp = join(launch.dir, 'tmp'); // a native library of 14 MB is unpacked a run
  await mkdir(tmp, { recursive: true });
  const sizes = [`-Xmx${launch.heapMb}m`, '-Xms48m', '-Xss512k', '-XX:MaxMetaspaceSize=192m', '-XX:ReservedCodeCacheSize=48m'];
  const thrift = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];
  const places = [`-Djava.io.tmpdir=${tmp}`, `-Duser.home=${launch.dir}`];
  const archive = await classArchive(launch.home, launch.recordsClasses === true);
  const resources = launch.resources ?? [];
  // The JVM takes an archive only where the class path begins as it did when that was written, and writes none where it has directories.
  const path =
    archive === undefined
      ? [...resources, await classPath(launch.home)]
      : [await classPath(launch.home, archive.jar), ...(launch.recordsClasses === true ? [] : resources)];
  const flags = archive === undefined ? [] : archiveFlags(archive, launch.recordsClasses === true);
  return [
    'java',
    ...sizes,
    ...thrift,
    ...flags,
    ...places,
    ...launch.jvmFlags,
    '-cp',
    path.join(':'),
    launch.mainClass,
    ...launch.args,
  ];
}

/** The text of a `.properties` file; none of our values needs escaping beyond a backslash. */
export function properties(values: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${String(value).replaceAll('\\', '\\\\')}\n`)
    .join('');
}

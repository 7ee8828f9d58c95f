import { join } from 'node:path';
import { messageOf, planOf, runInSlices } from '@isthmus/model';
import type { Diagnostic, MeshHost, MeshObject, OutputPlan } from '@isthmus/model';
import type { ObjectOutput, Render } from '../object-output.ts';
import { Problems } from '../problems.ts';
import { SyncGate } from '../sync-gate.ts';
import { DONE, WorkQueue } from '../work-queue.ts';
import type { WorkQueueOptions, WorkResult } from '../work-queue.ts';
import { contentHash, fileNameOf, headerOf } from './file-format.ts';
import { realFiles } from './file-system.ts';
import type { FileSystem } from './file-system.ts';

export interface FilesOutputOptions {
  /** Absolute. Made when it is not there. */
  readonly dir: string;
  /** Files of other meshes are others' files. */
  readonly meshId: string;
  readonly render: Render;
  /** One YAML document. */
  readonly toYaml: (object: MeshObject) => string;
  readonly files?: FileSystem;
  readonly retry?: WorkQueueOptions<string>['retry'];
}

/** Files written at the same time. */
const CONCURRENCY = 8;

/** An item of the queue that is no file: looks for files that nobody wants. */
const SWEEP = '';

/**
 * A directory with one YAML file for each host. A change writes the host's file and nothing else: under another name first, then
 * renamed, so that a reader never sees half of it. There is no list of the files beside them that could disagree with
 * them: a file whose first line is ours is ours.
 */
export class FilesOutput implements ObjectOutput {
  readonly name: string;
  readonly #options: FilesOutputOptions;
  readonly #files: FileSystem;
  readonly #header: string;
  /** Of file names. */
  readonly #queue: WorkQueue<string>;
  readonly #problems = new Problems();
  /** Whose file it is. */
  readonly #hosts = new Map<string, MeshHost>();
  readonly #gate = new SyncGate<string>();
  /** Files that a host has wanted since the start. */
  readonly #wanted = new Set<string>();
  /** Hash of what is in our files; read once. */
  #there: Promise<Map<string, string>> | undefined;

  constructor(options: FilesOutputOptions) {
    this.#options = options;
    this.#files = options.files ?? realFiles;
    this.#header = headerOf(options.meshId);
    this.name = `files ${options.dir}`;
    this.#queue = new WorkQueue<string>({
      work: (name) => this.#attempt(name),
      concurrency: CONCURRENCY,
      ...(options.retry === undefined ? {} : { retry: options.retry }),
    });
  }

  get pending(): number {
    return this.#queue.size;
  }

  touch(hosts: Iterable<MeshHost>): void {
    for (const host of hosts) {
      const name = fileNameOf(host);
      this.#hosts.set(name, host);
      this.#gate.touched(name);
      this.#queue.add(name);
    }
  }

  complete(isComplete: boolean): void {
    if (this.#gate.set(isComplete)) this.#queue.add(SWEEP);
  }

  diagnostics(): readonly Diagnostic[] {
    return this.#problems.list();
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  async plan(hosts: Iterable<MeshHost>): Promise<OutputPlan> {
    const { dir } = this.#options;
    const [there, wanted] = [new Map<string, string>(), new Map<string, string>()];
    const diagnostics: Diagnostic[] = [];
    const names = new Set((await this.#names().catch(emptyIfMissing)).filter(isYaml));
    const texts = new Map<string, string>();
    await runInSlices(this.#collect(hosts, texts));
    for (const [name, text] of texts) {
      if (names.has(name) && !(await this.#isOurs(name).catch(falseIfMissing))) diagnostics.push(this.#taken(name));
      else wanted.set(name, text);
    }
    for (const name of names)
      if (await this.#isOurs(name).catch(falseIfMissing)) there.set(name, await this.#files.read(join(dir, name)));
    return planOf(this.name, there, wanted, diagnostics);
  }

  *#collect(hosts: Iterable<MeshHost>, into: Map<string, string>): Generator<void> {
    for (const host of hosts) {
      const text = this.#text(host);
      if (text !== undefined) into.set(fileNameOf(host), text);
      yield;
    }
  }

  async #attempt(name: string): Promise<WorkResult> {
    const { dir } = this.#options;
    let there: Map<string, string>;
    try {
      there = await (this.#there ??= this.#readDirectory());
      this.#problems.set(dir, undefined);
    } catch (error) {
      this.#there = undefined;
      this.#problems.set(dir, this.#failure(dir, error));
      return { kind: 'again' };
    }
    if (name === SWEEP) return this.#sweep(there);
    try {
      const problem = await this.#write(name, there);
      this.#problems.set(name, problem);
      return problem === undefined ? DONE : { kind: 'again', afterMs: 30_000 };
    } catch (error) {
      this.#problems.set(name, this.#failure(join(dir, name), error));
      return { kind: 'again' };
    }
  }

  async #write(name: string, there: Map<string, string>): Promise<Diagnostic | undefined> {
    const host = this.#hosts.get(name);
    const text = host === undefined ? undefined : this.#text(host);
    this.#gate.seen(name);
    if (text === undefined) {
      // What was not wanted since the start is a leftover, which may be wanted by a source that was not read yet.
      if (this.#wanted.has(name) || this.#gate.state === 'open') await this.#remove(name, there);
      this.#hosts.delete(name);
      this.#wanted.delete(name);
      return undefined;
    }
    this.#wanted.add(name);
    const hash = contentHash(text);
    if (there.get(name) === hash) return undefined;
    if (!there.has(name) && !(await this.#isFree(name))) return this.#taken(name);
    const draft = join(this.#options.dir, draftOf(name));
    await this.#files.write(draft, text);
    await this.#files.rename(draft, join(this.#options.dir, name));
    there.set(name, hash);
    return undefined;
  }

  async #remove(name: string, there: Map<string, string>): Promise<void> {
    if (!there.has(name)) return;
    const isOurs = await this.#isOurs(name).catch(falseIfMissing);
    if (isOurs) await this.#files.remove(join(this.#options.dir, name));
    there.delete(name);
  }

  #sweep(there: ReadonlyMap<string, string>): WorkResult {
    if (this.#gate.state === 'closed') return DONE;
    if (this.#gate.state === 'waiting') return { kind: 'again', afterMs: 100 };
    for (const name of there.keys()) if (!this.#wanted.has(name)) this.#queue.add(name);
    return DONE;
  }

  /** Undefined: the host is gone. */
  #text(host: MeshHost): string | undefined {
    const objects = this.#options.render(host);
    return objects.length === 0 ? undefined : this.#header + objects.map(this.#options.toYaml).join('---\n');
  }

  async #readDirectory(): Promise<Map<string, string>> {
    const { dir } = this.#options;
    await this.#files.makeDirectory(dir);
    const there = new Map<string, string>();
    for (const name of await this.#names()) {
      if (name.endsWith(DRAFT) && (await this.#isOurs(name).catch(falseIfMissing))) await this.#files.remove(join(dir, name));
      if (!isYaml(name) || !(await this.#isOurs(name).catch(falseIfMissing))) continue;
      there.set(name, contentHash(await this.#files.read(join(dir, name))));
    }
    return there;
  }

  #names(): Promise<readonly string[]> {
    return this.#files.list(this.#options.dir);
  }

  async #isFree(name: string): Promise<boolean> {
    return this.#isOurs(name).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return true;
      throw error;
    });
  }

  async #isOurs(name: string): Promise<boolean> {
    return (await this.#files.head(join(this.#options.dir, name), this.#header.length)) === this.#header;
  }

  #failure(path: string, error: unknown): Diagnostic {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    return {
      code: 'output.unwritable',
      severity: 'error',
      where: path,
      what: `cannot be written: ${MEANINGS[code] ?? messageOf(error)}`,
      meaning: 'readers keep what it had; it is tried again until it works',
      remedy: REMEDIES[code] ?? 'look at the directory of outputs.files.dir and its file system',
    };
  }

  #taken(name: string): Diagnostic {
    return {
      code: 'output.conflict',
      severity: 'error',
      where: join(this.#options.dir, name),
      what: `is there already and was not written for mesh ${this.#options.meshId}`,
      meaning: 'it is left alone, and the service of that host is in no file',
      remedy: 'move it away, or give the output a directory of its own (outputs.files.dir)',
    };
  }
}

const MEANINGS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file, not a directory',
  EEXIST: 'a file is in the place of the directory',
};

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space',
  EDQUOT: 'free some space, or raise the quota',
  EACCES: 'let the user of the bridge write to the directory',
  EPERM: 'let the user of the bridge write to the directory',
  EROFS: 'mount it writable, or choose another directory (outputs.files.dir)',
  ENOTDIR: 'choose another directory (outputs.files.dir), or remove that file',
  EEXIST: 'choose another directory (outputs.files.dir), or remove that file',
};

/** No ending that readers of YAML look for. */
const DRAFT = '.yaml.tmp';

function draftOf(name: string): string {
  return `.${name}.tmp`;
}

/** A directory with such a name is none of our files either. */
function falseIfMissing(error: NodeJS.ErrnoException): boolean {
  if (error.code === 'ENOENT' || error.code === 'EISDIR') return false;
  throw error;
}

function isYaml(name: string): boolean {
  return name.endsWith('.yaml') && !name.startsWith('.');
}

function emptyIfMissing(error: NodeJS.ErrnoException): readonly string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

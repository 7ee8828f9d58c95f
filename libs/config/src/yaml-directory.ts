import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { messageOf, runInSlices } from '@isthmus/model';
import { readBounded } from './read-bounded.ts';
import { directoryIdentity, watchPath } from './watch-path.ts';

const MOST_FILES = 10_000;
const MOST_DEPTH = 8;
/** Files that are looked at side by side. */
const AT_ONCE = 64;
/** Between two looks at everything, ms: a watch that lost an event, or a link behind a link, costs no more than that. */
const LOOK_EVERY = 300_000;
const NAMES = /^[^.].*\.(?:ya?ml|json)$/;

/** What is read in a directory: `Read` is what a file says, its problems included. */
export interface DirectoryOptions<Read> {
  readonly dir: string;
  /** A longer file is unreadable. */
  readonly mostBytes: number;
  /** What a file says, in steps of about a millisecond. Never throws. */
  readonly read: (file: string, bytes: Uint8Array) => Generator<void, Read>;
  /** What stands for a file that cannot be read at all. @param what `cannot be read: permission denied` */
  readonly unreadable: (file: string, what: string) => Read;
  /** A file's name in messages; default: its path. */
  readonly nameOf?: (path: string) => string;
  /** Files that changed, each with what it says now; undefined: it is gone. Not called when nothing changed; awaited. Must not throw. */
  readonly onFiles: (files: ReadonlyMap<string, Read | undefined>) => void | Promise<void>;
  /** Why the directory as a whole cannot be used; undefined: it can again. Its files keep what they said. */
  readonly onTrouble: (what: string | undefined) => void;
  /** See `watchPath`. */
  readonly quietMs?: number;
  /** Between two looks at everything, in which nothing is read that looks as before, ms. Default 5 min. */
  readonly lookEveryMs?: number;
}

/**
 * The YAML files below a directory, whose changed ones are read and parsed again; a directory that is gone is not one that is
 * empty. Directories, the links to them and linked files are watched: Kubernetes swaps a link for all files of a ConfigMap.
 * A file that is written costs the look at that file; directories, links and hidden names that come, go or change one at all files.
 */
export class YamlDirectory<Read> {
  readonly #options: DirectoryOptions<Read>;
  readonly #root: string;
  /** What is known of each file: the look of its entry, to read only what may have changed, and the hash of its content. */
  readonly #files = new Map<string, { look: string; hash: string }>();
  /** By path; another directory in the place of one is watched anew. */
  readonly #watches = new Map<string, { readonly identity: string; readonly abort: AbortController }>();
  #scanning: Promise<void> | undefined;
  #watching: Promise<void> = Promise.resolve();
  /** Waits for the one before it; whoever comes meanwhile shares it. */
  #nextWatching: Promise<void> | undefined;
  /** To be looked at: entries, or everything. */
  #due: Set<string> | 'everything' = new Set();
  /** The last look at everything could see everything. */
  #isWhole = false;

  constructor(options: DirectoryOptions<Read>) {
    this.#options = options;
    this.#root = resolve(options.dir);
  }

  /** Reads what has changed since the last time. Never throws. Calls while it runs are one more look after it. */
  scan(): Promise<void> {
    this.#due = 'everything';
    return this.#scanDue();
  }

  #scanDue(): Promise<void> {
    this.#scanning ??= this.#scanAll().finally(() => (this.#scanning = undefined));
    return this.#scanning;
  }

  /** Follows the directory until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    const stopped = new Promise<void>((done) =>
      signal.aborted ? done() : signal.addEventListener('abort', () => done(), { once: true }),
    );
    await this.#watchAll(signal);
    const looks = setInterval(() => void this.#changedAnywhere(signal), this.#options.lookEveryMs ?? LOOK_EVERY).unref();
    await stopped;
    clearInterval(looks);
    for (const { abort } of this.#watches.values()) abort.abort();
    this.#watches.clear();
    await this.#scanning;
  }

  async #scanAll(): Promise<void> {
    while (this.#due === 'everything' || this.#due.size > 0) {
      const due = this.#due;
      this.#due = new Set();
      try {
        if (due === 'everything') await this.#scanOnce();
        else await this.#lookAt(due);
        this.#options.onTrouble(undefined);
      } catch (cause) {
        this.#isWhole = false;
        this.#options.onTrouble(
          `cannot be read: ${READ_ERRORS[(cause as NodeJS.ErrnoException).code ?? ''] ?? messageOf(cause)}`,
        );
      }
    }
  }

  async #scanOnce(): Promise<void> {
    const { files } = await this.#list();
    this.#isWhole = true;
    const changed = new Map<string, Read | undefined>();
    const here = new Set(files);
    for (const path of this.#files.keys()) if (!here.has(path)) changed.set(path, undefined);
    for (const path of changed.keys()) this.#files.delete(path);
    for (let from = 0; from < files.length; from += AT_ONCE) {
      const some = files.slice(from, from + AT_ONCE);
      const looks = await Promise.all(some.map(lookOf));
      for (const [n, path] of some.entries()) {
        const file = await this.#readIfOther(path, looks[n]);
        if (file !== undefined) changed.set(path, file);
      }
    }
    if (changed.size > 0) await this.#options.onFiles(changed);
  }

  /** Files that may have come, gone or changed. */
  async #lookAt(paths: ReadonlySet<string>): Promise<void> {
    const changed = new Map<string, Read | undefined>();
    for (const path of paths) {
      const isGone = await lstat(path).then(
        () => false,
        ({ code }: NodeJS.ErrnoException) => code === 'ENOENT',
      );
      if (isGone) {
        if (this.#files.delete(path)) changed.set(path, undefined);
        continue;
      }
      const file = await this.#readIfOther(path, await lookOf(path));
      if (file !== undefined) changed.set(path, file);
    }
    if (changed.size > 0) await this.#options.onFiles(changed);
  }

  /** Undefined: it is as it was. @param look undefined where it cannot be said */
  async #readIfOther(path: string, look: string | undefined): Promise<Read | undefined> {
    return look !== undefined && look === this.#files.get(path)?.look ? undefined : this.#readChanged(path);
  }

  /** Undefined: it says what it said. */
  async #readChanged(path: string): Promise<Read | undefined> {
    const known = this.#files.get(path);
    const file = this.#options.nameOf?.(path) ?? path;
    try {
      const look = lookIn(await stat(path)); // before it is read: what changes meanwhile is read again
      const bytes = await readBounded(path, this.#options.mostBytes);
      const hash = createHash('sha256').update(bytes).digest('base64');
      this.#files.set(path, { look, hash });
      if (hash === known?.hash) return undefined;
      return await runInSlices(this.#options.read(file, bytes));
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? '';
      const hash = `unreadable ${code}`;
      if (known?.hash === hash) return undefined;
      this.#files.set(path, { look: '', hash });
      const what = `cannot be read: ${READ_ERRORS[code] ?? messageOf(cause)}`;
      return this.#options.unreadable(file, what);
    }
  }

  async #list(): Promise<{ readonly files: readonly string[]; readonly watched: ReadonlyMap<string, string> }> {
    const files: string[] = [];
    const watched = new Map([[this.#root, '']]);
    const walk = async (dir: string, depth: number): Promise<void> => {
      const found = await this.#entriesOf(dir);
      if (found === undefined) return;
      watched.set(`${dir}/*`, found.identity);
      for (const entry of found.entries) {
        const { name } = entry;
        if (name.startsWith('.')) continue;
        const path = join(dir, name);
        // A file system that does not say what an entry is has to be asked for each.
        const isKnown = entry.isFile() || entry.isDirectory();
        const isDirectory = isKnown ? entry.isDirectory() : (await stat(path).catch(() => undefined))?.isDirectory() === true;
        if (isDirectory && depth < MOST_DEPTH) await walk(path, depth + 1);
        if (isDirectory || !NAMES.test(name)) continue;
        if (files.length >= MOST_FILES) throw new Error(`there are more than ${MOST_FILES} files below it`);
        files.push(path);
        if (!isKnown && (await lstat(path).catch(() => undefined))?.isSymbolicLink() === true) watched.set(path, '');
      }
    };
    await walk(this.#root, 0);
    return { files, watched };
  }

  /** Undefined: it has gone since its parent was listed. That the directory itself is gone is no such thing. */
  async #entriesOf(dir: string) {
    try {
      const identity = directoryIdentity(await stat(dir));
      const entries = await readdir(dir, { withFileTypes: true });
      return { identity, entries: entries.sort((a, b) => (a.name < b.name ? -1 : 1)) };
    } catch (cause) {
      await stat(this.#root);
      if (dir !== this.#root && (cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw cause;
    }
  }

  /** One after the other: a list from before a directory came would end the watch of it that a newer list began. */
  #watchAll(signal: AbortSignal): Promise<void> {
    this.#nextWatching ??= this.#watching.then(() => {
      this.#nextWatching = undefined;
      return this.#watchListed(signal);
    });
    this.#watching = this.#nextWatching;
    return this.#nextWatching;
  }

  async #watchListed(signal: AbortSignal): Promise<void> {
    const wanted = await this.#list().then(
      ({ watched }) => watched,
      // What cannot be listed now is watched on: without that it would not be seen to be well again.
      () => new Map([[this.#root, ''], ...[...this.#watches].map(([path, { identity }]) => [path, identity] as const)]),
    );
    for (const [path, { identity, abort }] of this.#watches) {
      if (wanted.get(path) === identity) continue;
      abort.abort();
      this.#watches.delete(path);
    }
    for (const [path, identity] of wanted) {
      if (this.#watches.has(path) || signal.aborted) continue;
      const abort = new AbortController();
      this.#watches.set(path, { identity, abort });
      await watchPath(path, {
        signal: AbortSignal.any([signal, abort.signal]),
        onChange: (entries) => this.#changed(path, entries, signal),
        onBlind: (cause) => this.#options.onTrouble(`cannot be watched: ${messageOf(cause)}`),
        ...(this.#options.quietMs === undefined ? {} : { quietMs: this.#options.quietMs }),
      });
    }
  }

  /** @param watched a key of `#watches` @param entries see `watchPath` */
  async #changed(watched: string, entries: ReadonlySet<string> | undefined, signal: AbortSignal): Promise<void> {
    const few = entries && this.#isWhole ? await this.#filesAmong(watched, entries) : undefined;
    if (few === undefined) return this.#changedAnywhere(signal);
    if (this.#due !== 'everything') for (const path of few) this.#due.add(path);
    if (few.length > 0) await this.#scanDue();
  }

  async #changedAnywhere(signal: AbortSignal): Promise<void> {
    await this.scan();
    if (!signal.aborted) await this.#watchAll(signal);
  }

  /** The files that may be others now; undefined: everything has to be looked at. */
  async #filesAmong(watched: string, entries: ReadonlySet<string>): Promise<readonly string[] | undefined> {
    const root = await stat(this.#root).then(directoryIdentity, () => undefined);
    if (entries.has(this.#root) || root !== this.#watches.get(`${this.#root}/*`)?.identity) return undefined; // what is gone may be all of it
    if (watched === this.#root) return [];
    if (!watched.endsWith('/*')) return [watched]; // a link, or what is behind it
    const files: string[] = [];
    for (const path of entries) {
      const entry = await lstat(path).catch(() => undefined);
      const isLink = entry?.isSymbolicLink() ?? false;
      if (entry?.isDirectory() === true || this.#watches.has(`${path}/*`) || isLink !== this.#watches.has(path)) return undefined;
      if (entry === undefined && this.#wasDirectory(path)) return undefined;
      if (!NAMES.test(basename(path))) continue;
      if (entry !== undefined && !this.#files.has(path) && this.#files.size >= MOST_FILES) return undefined;
      files.push(path);
    }
    return files;
  }

  /** One that went before it was watched is known by its files only. */
  #wasDirectory(path: string): boolean {
    for (const file of this.#files.keys()) if (file.startsWith(`${path}/`)) return true;
    return false;
  }
}

/** Tells whether a file may have changed; undefined: it cannot be said. */
function lookOf(path: string): Promise<string | undefined> {
  return stat(path).then(lookIn, () => undefined);
}

function lookIn({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
}

const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  EACCES: 'permission denied',
  ENOTDIR: 'it is no directory',
  EISDIR: 'it is a directory',
};

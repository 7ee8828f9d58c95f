import { watch } from 'node:fs';
import type { FSWatcher, Stats } from 'node:fs';
import { readlink, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

export interface PathWatchOptions {
  /**
   * The file may have changed, or come or gone. Not called again before the promise it gives has resolved.
   * @param entries of the watched directories, as paths, to which something has happened; undefined: it may be any
   */
  readonly onChange: (entries: ReadonlySet<string> | undefined) => Promise<void> | void;
  /** Changes can no longer be seen. */
  readonly onBlind: (cause: unknown) => void;
  readonly signal: AbortSignal;
  /** Milliseconds without a further event after which `onChange` is called; editors write in several steps. Default 100. */
  readonly quietMs?: number;
}

/** Where something else in the directory is written all the time, no quiet comes: then it is enough to wait this many times longer. */
const MOST_WAITS = 10;
const MOST_LINKS = 40;
/**
 * With more events at once entries are not told any more. The kernel's queue has 16,384 by default; what it drops then Node is not told
 * of, but of those before.
 */
const MOST_EVENTS = 1_000;

/**
 * Watches the directories of a file, not the file: editors and Kubernetes replace it (rename, `..data` symlink), and a watch
 * on a file follows the old one. The directories are looked up again after every event: links move, and a directory that was
 * removed and made again is another one. Resolves when the watch is set up, and calls `onChange` once soon after that, for any entry.
 */
export async function watchPath(path: string, options: PathWatchOptions): Promise<void> {
  const { signal, quietMs = 100 } = options;
  const watched = new Map<string, { readonly watcher: FSWatcher; readonly identity: string }>();
  let timer: NodeJS.Timeout | undefined;
  let waits = 0;
  let running = false;
  let again = false;
  let events = 0;
  /** Undefined: it may be any. */
  let entries: Set<string> | undefined;

  const stop = (): void => {
    clearTimeout(timer);
    for (const { watcher } of watched.values()) watcher.close();
    watched.clear();
  };
  const soon = (): void => {
    if (signal.aborted || (timer !== undefined && waits >= MOST_WAITS)) return;
    clearTimeout(timer);
    waits += 1;
    timer = setTimeout(() => void look(), quietMs);
  };
  const happened = (directory: string, name: string | null): void => {
    events += 1;
    if (name === null || events > MOST_EVENTS) entries = undefined;
    else entries?.add(join(directory, name));
    soon();
  };
  const anything = (): void => {
    entries = undefined;
    soon();
  };
  const look = async (): Promise<void> => {
    timer = undefined;
    waits = 0;
    again = true;
    if (running) return;
    running = true;
    try {
      while (again && !signal.aborted) {
        again = false;
        const told = entries;
        entries = new Set();
        events = 0;
        if (await refresh()) anything(); // what happened there before it was watched
        if (!signal.aborted) await options.onChange(told);
      }
    } finally {
      running = false;
    }
  };
  /** True when something is watched that was not before. */
  const refresh = async (): Promise<boolean> => {
    const wanted = await directoriesOf(path);
    let isNew = false;
    for (const [directory, { watcher, identity }] of watched) {
      if (wanted.get(directory) === identity) continue;
      watcher.close();
      watched.delete(directory);
    }
    if (signal.aborted) return false;
    for (const [directory, identity] of wanted) {
      if (watched.has(directory)) continue;
      try {
        const watcher = watch(directory, { persistent: false }, (_, name) => happened(directory, name));
        watched.set(directory, { identity, watcher: watcher.on('error', options.onBlind) });
        isNew = true;
      } catch (cause) {
        options.onBlind(cause);
      }
    }
    return isNew;
  };

  if (signal.aborted) return;
  signal.addEventListener('abort', stop, { once: true });
  await refresh();
  anything();
}

/** Of the path, of every link on the way and of the file itself, with what tells a directory from its successor. */
async function directoriesOf(path: string): Promise<ReadonlyMap<string, string>> {
  const directories = new Map<string, string>();
  const add = async (file: string): Promise<void> => {
    // A directory that is gone comes back in its parent.
    for (let at = dirname(file); ; at = dirname(at)) {
      const found = await stat(at).catch(() => undefined);
      if (found?.isDirectory() === true) return void directories.set(at, directoryIdentity(found));
      if (at === dirname(at)) return;
    }
  };
  let at = resolve(path);
  for (let links = 0; links < MOST_LINKS; links += 1) {
    await add(at);
    const target = await readlink(at).catch(() => undefined);
    if (target === undefined) break;
    at = resolve(dirname(at), target);
  }
  const real = await realpath(path).catch(() => undefined);
  if (real !== undefined) await add(real);
  return directories;
}

/** Tells a directory from another one in its place, which often gets the same number. */
export function directoryIdentity({ dev, ino, birthtimeMs }: Stats): string {
  return `${dev} ${ino} ${birthtimeMs}`;
}

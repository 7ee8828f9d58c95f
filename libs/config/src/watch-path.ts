import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { readlink, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

export interface PathWatchOptions {
  /** The file may have changed, or come or gone. Not called again before the promise it gives has resolved. */
  readonly onChange: () => Promise<void> | void;
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
 * Watches the directories of a file, not the file: editors and Kubernetes replace it (rename, `..data` symlink), and a watch
 * on a file follows the old one. The directories are looked up again after every event: links move, and a directory that was
 * removed and made again is another one. Resolves when the watch is set up, and calls `onChange` once soon after that.
 */
export async function watchPath(path: string, options: PathWatchOptions): Promise<void> {
  const { signal, quietMs = 100 } = options;
  const watched = new Map<string, { readonly watcher: FSWatcher; readonly identity: string }>();
  let timer: NodeJS.Timeout | undefined;
  let waits = 0;
  let running = false;
  let again = false;

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
  const look = async (): Promise<void> => {
    timer = undefined;
    waits = 0;
    again = true;
    if (running) return;
    running = true;
    try {
      while (again && !signal.aborted) {
        again = false;
        if (await refresh()) soon(); // what happened there before it was watched
        if (!signal.aborted) await options.onChange();
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
        watched.set(directory, { identity, watcher: watch(directory, { persistent: false }, soon).on('error', options.onBlind) });
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
  soon();
}

/** Of the path, of every link on the way and of the file itself, with what tells a directory from its successor. */
async function directoriesOf(path: string): Promise<ReadonlyMap<string, string>> {
  const directories = new Map<string, string>();
  const add = async (file: string): Promise<void> => {
    // A directory that is gone comes back in its parent.
    for (let at = dirname(file); ; at = dirname(at)) {
      const found = await stat(at).catch(() => undefined);
      if (found?.isDirectory() === true) return void directories.set(at, `${found.dev} ${found.ino}`);
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

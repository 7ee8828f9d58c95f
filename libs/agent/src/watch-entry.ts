import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Editors, deployments and ConfigMaps change an entry by several steps; what is looked at after this is whole. */
const SETTLED_AFTER_MS = 20;

export interface EntryWatch {
  readonly path: string;
  /** Another name in the same directory, a change of which counts as well. None by default. */
  readonly also?: string;
  /** Something happened to it, and has settled. */
  readonly changed: () => void;
  /** It is no longer watched. */
  readonly lost: (message: string) => void;
}

/**
 * Watches an entry of a directory by the directory: a file that is replaced takes its own watch with it. Does not keep the process.
 * @returns ends it
 * @throws {Error} where the directory cannot be watched
 */
export function watchEntry({ path, also, changed, lost }: EntryWatch): () => void {
  const own = basename(path);
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(dirname(path), (_event, name) => {
    if (name !== null && name !== own && name !== also) return;
    clearTimeout(timer);
    timer = setTimeout(changed, SETTLED_AFTER_MS);
    timer.unref();
  });
  watcher.on('error', (error) => lost(`it is no longer watched: ${error.message}`));
  watcher.unref();
  return () => {
    clearTimeout(timer);
    watcher.close();
  };
}

import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Diagnostic } from '@isthmus/model';
import type { ConfigurableKind, Config } from './config.ts';
import { loadConfig } from './load-config.ts';
import { reloadDiagnostic } from './problem.ts';
import { readBounded } from './read-bounded.ts';

export interface WatchOptions<Kind extends ConfigurableKind> {
  readonly kinds: readonly Kind[];
  /** The file changed and is valid. */
  readonly onGood: (config: Config<Kind>) => void;
  /** The file changed and is not valid, or is gone: the last good config stays in force. Empty once that is over. */
  readonly onBad: (diagnostics: readonly Diagnostic[]) => void;
  readonly signal: AbortSignal;
  /** Milliseconds without a further change after which the file is read; editors write in several steps. Default 100. */
  readonly quietMs?: number;
}

/**
 * Watches the directories of the file, not the file: editors and Kubernetes replace it (rename, `..data` symlink),
 * and a watch on a file follows the old one. Any event there makes us read again; equal content changes nothing.
 * Resolves when the watch is set up. The caller has loaded the file once before.
 */
export async function watchConfig<Kind extends ConfigurableKind>(path: string, options: WatchOptions<Kind>): Promise<void> {
  const { signal, quietMs = 100 } = options;
  let last = await contentOf(path);
  let wasBad = false;
  let timer: NodeJS.Timeout | undefined;
  let reading = false;
  let again = false;

  const read = async (): Promise<void> => {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    try {
      do {
        again = false;
        const content = await contentOf(path);
        if (content === last || signal.aborted) continue;
        last = content;
        const result = await loadConfig(path, options);
        if (signal.aborted) return;
        if (!result.ok) {
          wasBad = true;
          options.onBad(result.problems.map(reloadDiagnostic));
          continue;
        }
        if (wasBad) options.onBad([]);
        wasBad = false;
        options.onGood(result.config);
      } while (again);
    } finally {
      reading = false;
    }
  };
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void read(), quietMs);
  };

  const watchers: FSWatcher[] = [];
  const stop = (): void => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
  const cannotWatch = (cause: unknown): void => {
    options.onBad([
      {
        code: 'config.reload',
        severity: 'warning',
        where: path,
        what: `cannot be watched: ${cause instanceof Error ? cause.message : String(cause)}`,
        meaning: 'changes of the config take effect only after a restart',
        remedy: 'raise fs.inotify.max_user_watches and max_user_instances, or restart the bridge after changes',
      },
    ]);
  };
  if (signal.aborted) return;
  signal.addEventListener('abort', stop, { once: true });
  for (const directory of await directoriesOf(path)) {
    try {
      watchers.push(watch(directory, { persistent: false }, soon).on('error', cannotWatch));
    } catch (cause) {
      cannotWatch(cause);
    }
  }
  if (signal.aborted) return stop();
  soon(); // what changed between the caller's load and the watch
}

/** Of the path, and of the file that it is a link to. */
async function directoriesOf(path: string): Promise<ReadonlySet<string>> {
  const directories = new Set([dirname(resolve(path))]);
  try {
    directories.add(dirname(await realpath(path)));
  } catch {
    // gone for the moment: its directory is watched, and its return is an event there
  }
  return directories;
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return Buffer.from(await readBounded(path)).toString('latin1');
  } catch {
    return undefined; // gone or unreadable is a content of its own; loadConfig says which
  }
}

import { messageOf } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import type { ConfigurableKind, Config } from './config.ts';
import { loadConfig } from './load-config.ts';
import { reloadDiagnostic } from './problem.ts';
import { readBounded } from './read-bounded.ts';
import { watchPath } from './watch-path.ts';

export interface WatchOptions<Kind extends ConfigurableKind> {
  readonly kinds: readonly Kind[];
  /** The file changed and is valid. */
  readonly onGood: (config: Config<Kind>) => void;
  /** The file changed and is not valid, or is gone: the last good config stays in force. Empty once that is over. */
  readonly onBad: (diagnostics: readonly Diagnostic[]) => void;
  readonly signal: AbortSignal;
  /** Milliseconds without a further change after which the file is read. Default 100. */
  readonly quietMs?: number;
}

/** Reads the config again whenever its file may have changed; equal content changes nothing. The caller has loaded it once before. */
export async function watchConfig<Kind extends ConfigurableKind>(path: string, options: WatchOptions<Kind>): Promise<void> {
  const { signal, quietMs } = options;
  let last = await contentOf(path);
  let wasBad = false;

  const onChange = async (): Promise<void> => {
    const content = await contentOf(path);
    if (content === last || signal.aborted) return;
    last = content;
    const result = await loadConfig(path, options);
    if (signal.aborted) return;
    if (!result.ok) {
      wasBad = true;
      options.onBad(result.problems.map(reloadDiagnostic));
      return;
    }
    if (wasBad) options.onBad([]);
    wasBad = false;
    options.onGood(result.config);
  };
  const onBlind = (cause: unknown): void => {
    options.onBad([
      {
        code: 'config.reload',
        severity: 'warning',
        where: path,
        what: `cannot be watched: ${messageOf(cause)}`,
        meaning: 'changes of the config take effect only after a restart',
        remedy: 'raise fs.inotify.max_user_watches and max_user_instances, or restart the bridge after changes',
      },
    ]);
  };
  await watchPath(path, { signal, onChange, onBlind, ...(quietMs === undefined ? {} : { quietMs }) });
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return Buffer.from(await readBounded(path)).toString('latin1');
  } catch {
    return undefined; // gone or unreadable is a content of its own; loadConfig says which
  }
}

import { backoff, messageOf } from '@isthmus/model';
import type { ConfigPlace, ConfigWatcher } from '@isthmus/registry';
import { listenToConfigs, md5, queryConfig, tenantOf } from './config-listen.ts';
import { ConfigWire } from './config-wire.ts';
import type { NacosConfig } from './config.ts';
import { defaultTiming } from './timing.ts';

const MOST_PAUSE_MS = 30_000;

/**
 * Tells of configs and their changes until the signal aborts. Nacos pushes which one changed, and nothing is polled: after a push,
 * and when the connection is another one, it is told which texts are known and says which of them are old.
 */
export async function watchNacosConfigs(
  config: NacosConfig,
  { dataIds, group, namespace = config.namespaces[0] ?? 'public' }: ConfigPlace,
  deps: { readonly baseDir: string; readonly reconnectBase?: number },
  watcher: ConfigWatcher,
  signal: AbortSignal,
): Promise<void> {
  if (config.api === 'http') {
    watcher.failed('api: http of this registry has no pushes: configs are watched over gRPC');
    return;
  }
  const bell = new Bell(signal);
  const wire = new ConfigWire(config, deps.baseDir, namespace, () => bell.ring());
  const known = new Map<string, string | undefined>();
  const keyOf = (dataId: string) => ({ dataId, group, tenant: tenantOf(namespace) });
  const md5Of = (text: string | undefined) => (text === undefined ? '' : md5(text));
  const read = async (dataId: string): Promise<boolean> => {
    const content = await queryConfig(wire, keyOf(dataId), signal);
    const isNews = !known.has(dataId) || known.get(dataId) !== content;
    known.set(dataId, content);
    if (isNews) watcher.told({ dataId, group, namespace, ...(content === undefined ? {} : { content }) });
    return isNews;
  };
  const wait = deps.reconnectBase ?? defaultTiming.reconnectBase;
  let attempt = 0;
  try {
    while (!signal.aborted) {
      try {
        bell.reset();
        const changed = await listenToConfigs(
          wire,
          dataIds.map((dataId) => ({ ...keyOf(dataId), md5: md5Of(known.get(dataId)) })),
          signal,
        );
        // Of what was never read nothing is told where it is as if it were not there.
        const open = dataIds.filter((dataId) => changed.includes(dataId) || !known.has(dataId));
        let isStale = false;
        for (const dataId of open) if (!(await read(dataId)) && changed.includes(dataId)) isStale = true;
        watcher.inStep();
        if (isStale) {
          // It says that there is another text and gives the old one: its dump follows its database.
          attempt += 1;
          await bell.heard(backoff(attempt, Math.random, wait, MOST_PAUSE_MS));
        } else {
          attempt = 0;
          if (open.length === 0) await bell.heard();
        }
      } catch (thrown) {
        if (signal.aborted) return;
        watcher.failed(messageOf(thrown));
        attempt += 1;
        bell.reset();
        await bell.heard(backoff(attempt, Math.random, wait, MOST_PAUSE_MS), true);
      }
    }
  } finally {
    await wire.close();
  }
}

/** What was pushed while nobody waited is not lost. */
class Bell {
  readonly #signal: AbortSignal;
  #rung = false;
  #wake: () => void = () => undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  ring(): void {
    this.#rung = true;
    this.#wake();
  }

  reset(): void {
    this.#rung = false;
  }

  /** Until it rings, the time is over, or the end. @param deaf waits the time, whatever rings */
  async heard(withinMs?: number, deaf = false): Promise<void> {
    if (this.#signal.aborted || (this.#rung && !deaf)) return;
    let timer: NodeJS.Timeout | undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = () => resolve();
    if (!deaf) this.#wake = resolve;
    if (withinMs !== undefined) timer = setTimeout(resolve, withinMs);
    this.#signal.addEventListener('abort', end);
    await promise;
    this.#signal.removeEventListener('abort', end);
    clearTimeout(timer);
    this.#wake = () => undefined;
  }
}

import { parseSourceId, systemClock } from '@isthmus/model';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { nacosConfigSchema } from '../config.ts';
import { NacosSource } from '../source.ts';
import type { NacosTiming } from '../timing.ts';
import { testTiming } from './fake-harness.ts';
import { FakeNacos } from './fake-nacos.ts';
import type { FakeNacosOptions } from './fake-nacos.ts';

const id = parseSourceId('shop');
export const scopeOf = (group = 'DEFAULT_GROUP', namespace = 'public') => ({ source: id, namespace, group });
export const service = (name: string, group = 'DEFAULT_GROUP', namespace = 'public') => ({ namespace, group, name });
export const one = [{ ip: '10.0.0.1', port: 80 }];
/** Config of a source that lists once. */
export const never = { listInterval: '1h' };

export const live = (view: Collector, scope = scopeOf()): Promise<void> =>
  view.until('live', (v) => v.status(scope)?.state === 'live');
export const states = (view: Collector) => view.events.flatMap((event) => (event.kind === 'status' ? [event.status.state] : []));

/** Scripted servers, and sources that read them. */
export class NacosWorld {
  readonly #open: (() => Promise<unknown>)[] = [];

  /** A server that has `orders`. */
  async start(options: FakeNacosOptions = {}): Promise<FakeNacos> {
    const fake = await FakeNacos.start(options);
    this.#open.push(() => fake.down());
    fake.set(service('orders'), one);
    return fake;
  }

  /** A source of `DEFAULT_GROUP`, and all that it says. */
  watch(servers: readonly FakeNacos[], config: Record<string, unknown> = {}, timing: Partial<NacosTiming> = {}): Collector {
    const parsed = nacosConfigSchema.parse({
      name: id,
      kind: 'nacos',
      servers: servers.map((fake) => fake.url),
      groups: ['DEFAULT_GROUP'],
      listInterval: '200ms',
      restartGrace: '1s',
      ...config,
    });
    const deps = { clock: systemClock, random: () => 0, baseDir: '.' };
    const view = collect(new NacosSource(id, parsed, deps, { ...testTiming, ...timing }));
    this.#open.unshift(() => view.stop());
    return view;
  }

  async close(): Promise<void> {
    for (const close of this.#open.splice(0)) await close();
  }
}

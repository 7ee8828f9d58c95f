import type { EventEmitter } from 'node:events';
import type { RegistryObserver } from './registry-observer.ts';
import { tap } from './tap.ts';
import { fieldsOf, textOf } from './values.ts';

/** A `Watch` of npm `consul`: an emitter of `change`, `error` and `end` over blocking queries. */
export interface ConsulWatch extends EventEmitter {
  isRunning(): boolean;
  readonly _options?: { readonly timeout?: unknown };
}

/** A query that has been under way for so much longer than its own deadline will never end. */
const GRACE = 1.5;
const DEFAULT_TIMEOUT_MS = 33_000;

/** Looks on at `emit`: a listener of its own would keep a process alive that dies of an `error` nobody listens to. */
export function followWatch(watch: ConsulWatch, name: string, observer: RegistryObserver): void {
  let erring = false;
  let lastIndex = 0n;
  let failedAt: number | undefined;
  const before = (_: unknown, [event, , second]: readonly unknown[]): void => {
    if (event === 'change') {
      const index = indexOf(second);
      if (index !== undefined && index < lastIndex) observer.bug(name, 'consul-watch-slept', slept(failedAt));
      lastIndex = index ?? lastIndex;
      failedAt = undefined;
    } else if (event === 'error') {
      failedAt ??= performance.now();
      if (watch.listenerCount('error') === 0)
        observer.bug(
          name,
          'consul-watch-unguarded',
          'a watch without a listener of `error` ends the process when Consul does not answer; add one',
        );
    } else if (event === 'end' && erring)
      observer.bug(
        name,
        'consul-watch-ended',
        'its watch ended by itself after an error and learns nothing any more; make a new one at `end`; from the rung discovery on the mesh’s view is called',
      );
  };
  tap(watch, 'emit', { before }, observer.fault);
  const done = (): void => void (erring = false);
  tap(watch, '_err', { before: () => void (erring = true), after: done, failed: done }, observer.fault);
  followHanging(watch, name, observer);
}

/** papi, below it, waits for ever for the rest of a body that broke off. One timer for each blocking query, which holds nothing up. */
function followHanging(watch: ConsulWatch, name: string, observer: RegistryObserver): void {
  let timer: NodeJS.Timeout | undefined;
  const given = Number(watch._options?.timeout);
  const limit = (Number.isFinite(given) && given > 0 ? given : DEFAULT_TIMEOUT_MS) * GRACE;
  const arm = (): void => {
    clearTimeout(timer);
    if (!watch.isRunning()) return;
    timer = setTimeout(() => {
      if (!watch.isRunning()) return;
      observer.bug(
        name,
        'consul-watch-hangs',
        `a query of its watch did not end in ${Math.round(limit)} ms, and it asks no other; end the watch and make a new one; from the rung discovery on the mesh’s view is called`,
      );
    }, limit);
    timer.unref();
  };
  arm();
  tap(watch, '_run', { before: arm }, observer.fault);
  // Between an error and the next query nothing is under way.
  tap(watch, '_err', { before: arm }, observer.fault);
}

function indexOf(response: unknown): bigint | undefined {
  const text = textOf(fieldsOf(fieldsOf(response)['headers'])['x-consul-index']);
  return /^\d{1,20}$/.test(text) ? BigInt(text) : undefined;
}

function slept(failedAt: number | undefined): string {
  const since = failedAt === undefined ? '' : ` (${Math.round(performance.now() - failedAt)} ms after its first error)`;
  return `Consul lost its data, and the watch asked on with its old index, so it heard only now${since}; from the rung discovery on the mesh’s view is called`;
}

import type { EventEmitter } from 'node:events';
import type { RegistryObserver } from './registry-observer.ts';
import { tap } from './tap.ts';
import { fieldsOf, textOf } from './values.ts';

/** A `Watch` of npm `consul`: an emitter of `change`, `error` and `end` over blocking queries. */
export type ConsulWatch = EventEmitter;

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
}

function indexOf(response: unknown): bigint | undefined {
  const text = textOf(fieldsOf(fieldsOf(response)['headers'])['x-consul-index']);
  return /^\d{1,20}$/.test(text) ? BigInt(text) : undefined;
}

function slept(failedAt: number | undefined): string {
  const since = failedAt === undefined ? '' : ` (${Math.round(performance.now() - failedAt)} ms after its first error)`;
  return `Consul lost its data, and the watch asked on with its old index, so it heard only now${since}; from the rung discovery on the mesh’s view is called`;
}

import type { RegistryObserver } from './registry-observer.ts';
import { fieldsOf, textOf } from './values.ts';

/** A query that blocks on nothing is answered in less. */
const LONGEST_MS = 30_000;

/**
 * papi, below npm `consul`, listens to `end` only: when an answer breaks off, a call without a `timeout` of its own is never
 * settled. Watches have one. One timer for each such call, which keeps no process alive.
 */
export function followHanging(observer: RegistryObserver) {
  const timers = new WeakMap<object, NodeJS.Timeout>();
  return {
    begun(args: readonly unknown[]): void {
      const options = fieldsOf(args[0]);
      if (['timeout', 'index', 'wait', 'ctx'].some((name) => options[name] !== undefined)) return;
      const service = typeof args[0] === 'string' ? args[0] : textOf(options['service']);
      const timer = setTimeout(() => {
        observer.bug(
          `consul///${service}`,
          'consul-call-hangs',
          `a query has not been answered for ${LONGEST_MS / 1_000} s and may never be: when an answer breaks off it waits for the rest; give its calls a timeout`,
        );
      }, LONGEST_MS);
      timer.unref();
      timers.set(args, timer);
    },
    ended(args: readonly unknown[]): void {
      clearTimeout(timers.get(args));
    },
  };
}

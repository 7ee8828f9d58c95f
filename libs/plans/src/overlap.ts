import type { Consumers } from './fleet-view.ts';

/** Two plans must not have one target and consumer: nobody could say where it is. `*` has every consumer. */
export function sharedConsumers(a: Consumers, b: Consumers): Consumers {
  if (a.includes('*')) return b;
  if (b.includes('*')) return a;
  return a.filter((name) => b.includes(name));
}

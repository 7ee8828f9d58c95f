import { setTimeout as pause } from 'node:timers/promises';
import type { BenchRegistry } from './bench-registry.ts';
import { monotonic } from './monotonic.ts';
import { waitFor } from './wait.ts';

/** Changes under way at the registry at once. */
const IN_FLIGHT = 256;

export interface SteadyLoad {
  /** Changes a second that are wanted. */
  readonly rate: number;
  readonly seconds: number;
  readonly services: number;
  readonly instances: number;
}

export interface Made {
  /** Name of the service, and when the registry was called. */
  readonly changes: readonly (readonly [service: string, at: number])[];
  readonly seconds: number;
}

/** One service after the other, so that a change has arrived long before the same service changes again. */
export async function makeChanges(registry: BenchRegistry, { rate, seconds, services, instances }: SteadyLoad): Promise<Made> {
  const changes: [string, number][] = [];
  const start = performance.now();
  const total = rate * seconds;
  let started = 0;
  let underWay = 0;
  let failure: unknown;
  const one = async (n: number) => {
    underWay += 1;
    const at = monotonic(); // before the call: a proxy may know before whoever made the change has the answer
    try {
      await registry.change(n % services, n % instances);
      changes.push([`load-${n % services}`, at]);
    } catch (error) {
      failure = error;
    } finally {
      underWay -= 1;
    }
  };
  // A registry that cannot take the rate is not asked for more than it takes, nor for longer.
  while (started < total && performance.now() - start < seconds * 1_000 && failure === undefined) {
    const due = Math.min(total, Math.floor(((performance.now() - start) / 1_000) * rate));
    while (started < due && underWay < IN_FLIGHT) void one(started++);
    await pause(4);
  }
  await waitFor('the last changes at the registry', () => underWay === 0, 30_000);
  if (failure !== undefined) throw failure instanceof Error ? failure : new Error(String(failure));
  return { changes, seconds: (performance.now() - start) / 1_000 };
}

/** What the registry lists of every service, by its number. */
export async function listAll(registry: BenchRegistry, services: number): Promise<readonly (readonly string[])[]> {
  const lists: (readonly string[])[] = [];
  const numbers = Array.from({ length: services }, (_, n) => n).values();
  const some = async () => {
    for (const n of numbers) lists[n] = await registry.list(n);
  };
  await Promise.all(Array.from({ length: 8 }, some));
  return lists;
}

import { setTimeout as pause } from 'node:timers/promises';
import { ChangeMeter } from './changes.ts';
import type { Sample } from './changes.ts';
import { ScriptedRegistry } from './scripted-registry.ts';

/**
 * The bursts of a real registry once more, each change as long after the first as the registry's message came, from a source in
 * this process and with no registry beside it: waits that are still there are the bridge's own.
 * @param bursts as they were measured
 * @returns theirs, in the same order
 */
export async function replayBursts(
  bursts: readonly (readonly Sample[])[],
  services: number,
  instances: number,
): Promise<readonly (readonly Sample[])[]> {
  const registry = new ScriptedRegistry(services, instances);
  let after: ReadonlyMap<number, number> = new Map();
  let weight = 1;
  const meter = await ChangeMeter.start(
    {
      entry: registry.entry,
      kinds: [registry.kind],
      cluster: (service) => registry.cluster(service),
      change: async (services, _, said) => {
        const one = async (service: number) => {
          await pause(after.get(service));
          said(service);
          registry.change(service, (weight += 1));
        };
        await Promise.all(services.map(one));
      },
    },
    services,
    {},
    () => registry.sayAll(),
  );
  try {
    const replayed: (readonly Sample[])[] = [];
    for (const burst of bursts) {
      const first = Math.min(...burst.map(({ message }) => message));
      after = new Map(burst.map(({ message }, service) => [service, message - first]));
      replayed.push(await meter.change([...after.keys()], 0));
      await pause(1_000);
    }
    return replayed;
  } finally {
    await meter.close();
  }
}

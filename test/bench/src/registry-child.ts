// A real registry and what changes it, in a process of its own, started by registry-process.ts.
import { startRegistry } from './bench-registry.ts';
import type { LoadSize, RegistryName } from './bench-registry.ts';
import { yieldCpus } from './cpu-share.ts';
import { listAll, makeChanges } from './steady-load.ts';
import type { Made, SteadyLoad } from './steady-load.ts';

export interface RegistrySetup extends LoadSize {
  readonly name: RegistryName;
}

export type RegistrySays =
  | {
      readonly kind: 'ready';
      readonly entry: object;
      /** Of each service, by its number. */
      readonly clusters: readonly string[];
      /** Of the registry's own process. */
      readonly pid: number;
    }
  /** @property failure what the registry answered, when it did not take one of them */
  | { readonly kind: 'changed'; readonly failure?: string }
  | { readonly kind: 'made'; readonly made?: Made; readonly failure?: string }
  | { readonly kind: 'listed'; readonly lists?: readonly (readonly string[])[]; readonly failure?: string };

export type RegistryTold =
  | 'end'
  | 'list'
  /** One instance of each of these services gets another weight, all at once. */
  | { readonly change: readonly number[]; readonly instance: number }
  | { readonly load: SteadyLoad };

const { name, ...size } = JSON.parse(process.argv[2] ?? '{}') as RegistrySetup;
const say = (message: RegistrySays) => void process.send?.(message);

const registry = await startRegistry(name, size);
yieldCpus(process.pid);
const clusters = Array.from({ length: size.services }, (_, n) => registry.cluster(n));
say({ kind: 'ready', entry: registry.entry, clusters, pid: registry.pid });

process.on('message', (told: RegistryTold) => {
  if (told === 'end') void end();
  else if (told === 'list') {
    listAll(registry, size.services).then(
      (lists) => say({ kind: 'listed', lists }),
      (error: unknown) => say({ kind: 'listed', failure: String(error) }),
    );
  } else if ('load' in told) {
    makeChanges(registry, told.load).then(
      (made) => say({ kind: 'made', made }),
      (error: unknown) => say({ kind: 'made', failure: String(error) }),
    );
  } else {
    Promise.all(told.change.map((service) => registry.change(service, told.instance))).then(
      () => say({ kind: 'changed' }),
      (error: unknown) => say({ kind: 'changed', failure: String(error) }),
    );
  }
});
process.on('disconnect', () => void end());

async function end(): Promise<void> {
  await registry.stop();
  process.exit(0);
}

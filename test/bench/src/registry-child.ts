// A real registry and what changes it, in a process of its own, started by registry-process.ts.
import { startRegistry } from './bench-registry.ts';
import type { LoadSize, RegistryName } from './bench-registry.ts';

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
  | { readonly kind: 'changed'; readonly failure?: string };

/** One instance of each of these services gets another weight, all at once. */
export type RegistryTold = 'end' | { readonly change: readonly number[]; readonly instance: number };

const { name, ...size } = JSON.parse(process.argv[2] ?? '{}') as RegistrySetup;
const say = (message: RegistrySays) => void process.send?.(message);

const registry = await startRegistry(name, size);
const clusters = Array.from({ length: size.services }, (_, n) => registry.cluster(n));
say({ kind: 'ready', entry: registry.entry, clusters, pid: registry.pid });

process.on('message', (told: RegistryTold) => {
  if (told === 'end') void end();
  else {
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

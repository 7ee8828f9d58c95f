import { join } from 'node:path';
import { BenchChild } from './bench-child.ts';
import type { RegistryName } from './bench-registry.ts';
import type { ChangeSource } from './changes.ts';
import { ProcessCost } from './process-cost.ts';
import type { RegistrySays, RegistrySetup, RegistryTold } from './registry-child.ts';
import type { Made, SteadyLoad } from './steady-load.ts';

/**
 * A real registry that is changed by another process. Where the bridge runs in the bench's own, five hundred calls to a registry
 * from there stop its loop for 40 to 100 ms, and the bridge would be measured with them in its way (docs/facts.md). It yields the
 * CPUs as its registry does: a client in a thread of the bench's own is not in its session.
 */
export class RegistryProcess implements ChangeSource {
  readonly name: RegistryName;
  readonly entry: object;
  readonly #child: BenchChild<RegistrySays, RegistryTold>;
  readonly #clusters: readonly string[];
  readonly #cost: ProcessCost;

  private constructor(
    name: RegistryName,
    child: BenchChild<RegistrySays, RegistryTold>,
    ready: Extract<RegistrySays, { kind: 'ready' }>,
  ) {
    this.name = name;
    this.#child = child;
    this.#clusters = ready.clusters;
    this.#cost = new ProcessCost(ready.pid);
    this.entry = ready.entry;
  }

  static async start(setup: RegistrySetup): Promise<RegistryProcess> {
    const child = new BenchChild<RegistrySays, RegistryTold>(join(import.meta.dirname, 'registry-child.ts'), setup);
    return new RegistryProcess(setup.name, child, await child.next('ready', 300_000));
  }

  /** CPU of the registry without what changes it, ms since it started; in steps of 10. */
  get cpuMs(): number {
    return this.#cost.cpuMs;
  }

  cluster(service: number): string {
    return this.#clusters[service] ?? '';
  }

  /** @throws Error with what the registry answered */
  async change(services: readonly number[], instance: number): Promise<void> {
    const changed = this.#child.next('changed', 60_000);
    this.#child.tell({ change: services, instance });
    const { failure } = await changed;
    if (failure !== undefined) throw new Error(failure);
  }

  /** Changes without a pause. @throws Error with what the registry answered */
  async load(load: SteadyLoad): Promise<Made> {
    const said = this.#child.next('made', (load.seconds + 60) * 1_000);
    this.#child.tell({ load });
    const { made, failure } = await said;
    if (made === undefined) throw new Error(failure);
    return made;
  }

  /** What the registry itself lists of every service now, by its number: `BenchRegistry.list`. */
  async lists(): Promise<readonly (readonly string[])[]> {
    const said = this.#child.next('listed', 120_000);
    this.#child.tell('list');
    const { lists, failure } = await said;
    if (lists === undefined) throw new Error(failure);
    return lists;
  }

  async stop(): Promise<void> {
    await this.#child.close('end');
  }
}

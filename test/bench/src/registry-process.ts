import { join } from 'node:path';
import { BenchChild } from './bench-child.ts';
import type { ChangeSource } from './changes.ts';
import { ProcessCost } from './process-cost.ts';
import type { RegistrySays, RegistrySetup, RegistryTold } from './registry-child.ts';

/**
 * A real registry that is changed by another process. Where the bridge runs in the bench's own, five hundred calls to a registry
 * from there stop its loop for 40 to 100 ms, and the bridge would be measured with them in its way (docs/facts.md).
 */
export class RegistryProcess implements ChangeSource {
  readonly entry: object;
  readonly #child: BenchChild<RegistrySays, RegistryTold>;
  readonly #clusters: readonly string[];
  readonly #cost: ProcessCost;

  private constructor(child: BenchChild<RegistrySays, RegistryTold>, ready: Extract<RegistrySays, { kind: 'ready' }>) {
    this.#child = child;
    this.#clusters = ready.clusters;
    this.#cost = new ProcessCost(ready.pid);
    this.entry = ready.entry;
  }

  static async start(setup: RegistrySetup): Promise<RegistryProcess> {
    const child = new BenchChild<RegistrySays, RegistryTold>(join(import.meta.dirname, 'registry-child.ts'), setup);
    return new RegistryProcess(child, await child.next('ready', 300_000));
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

  async stop(): Promise<void> {
    await this.#child.close('end');
  }
}

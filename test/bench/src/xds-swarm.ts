import { join } from 'node:path';
import { BenchChild } from './bench-child.ts';
import type { Change } from './xds-bridge-child.ts';
import { ProcessCost } from './process-cost.ts';
import type { SwarmSays, SwarmSetup, SwarmTold } from './xds-swarm-child.ts';

type Said<Kind extends SwarmSays['kind']> = Extract<SwarmSays, { kind: Kind }>;

/** Many xDS clients in a process of their own. */
export class Swarm {
  readonly cost: ProcessCost;
  readonly #child: BenchChild<SwarmSays, SwarmTold>;
  /** Set when a stream ended that should not have. */
  readonly #ended: string[] = [];

  constructor(setup: SwarmSetup) {
    this.#child = new BenchChild(join(import.meta.dirname, 'xds-swarm-child.ts'), setup);
    this.#child.on('ended', ({ reason }) => this.#ended.push(reason));
    this.cost = new ProcessCost(this.#child.pid);
  }

  get ended(): readonly string[] {
    return this.#ended;
  }

  /** Opens all streams at once. @returns when each has everything */
  async sync(deadlineMs: number): Promise<Said<'synced'>> {
    const said = this.#child.next('synced', deadlineMs);
    this.#child.tell('connect');
    return said.catch((error: Error) => {
      throw new Error(`${error.message}; ended: ${this.#ended.slice(0, 3).join('; ') || 'none'} (${this.#ended.length})`);
    });
  }

  /** @returns a promise of the moment when each has got other endpoints, once it is watched for */
  async watch(deadlineMs: number): Promise<{ readonly all: Promise<Said<'all'>> }> {
    const armed = this.#child.next('armed', 10_000);
    const all = this.#child.next('all', deadlineMs);
    all.catch(() => undefined); // who awaits it gets it
    this.#child.tell('arm');
    await armed;
    return { all };
  }

  async lags(changes: readonly Change[]): Promise<Said<'lags'>> {
    const said = this.#child.next('lags', 60_000);
    this.#child.tell(`lags ${JSON.stringify(changes)}`);
    return said;
  }

  close(): Promise<void> {
    return this.#child.close('end');
  }
}

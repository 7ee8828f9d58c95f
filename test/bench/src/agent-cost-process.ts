import { join } from 'node:path';
import type { CostSays, CostSetup, CostTold } from './agent-cost-child.ts';
import { REGISTER } from './agent-cost-plan.ts';
import { BenchChild } from './bench-child.ts';
import type { Sample } from './paired.ts';

/** One process of agent-cost-child.ts. */
export class CostChild {
  readonly #child: BenchChild<CostSays, CostTold>;

  private constructor(child: BenchChild<CostSays, CostTold>) {
    this.#child = child;
  }

  static async start(setup: CostSetup, env: Readonly<Record<string, string>> | undefined): Promise<CostChild> {
    const flags = env === undefined ? [] : ['--require', REGISTER];
    const child = new BenchChild<CostSays, CostTold>(join(import.meta.dirname, 'agent-cost-child.ts'), setup, flags, env);
    await child.next('ready', 60_000);
    return new CostChild(child);
  }

  async measure(way: string, calls: number): Promise<Sample> {
    const measured = this.#child.next('measured', 60_000);
    this.#child.tell(`${way} ${calls}`);
    return measured;
  }

  close(): Promise<void> {
    return this.#child.close('end');
  }
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentPlan } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { Diagnostics } from '../../diagnostics.ts';
import type { AgentDiagnostic } from '../../diagnostics.ts';
import { ArmCounts } from '../arm-counts.ts';
import { followControl } from '../follow-control.ts';
import type { Control } from '../follow-control.ts';
import { ScriptedControl } from './scripted-control.ts';

/** An agent's side of a scripted control plane, and what came of it. */
export class FollowedControl {
  bridge = new ScriptedControl();
  /** Of the bridge, there from `open` on. */
  port = 0;
  control: Control | undefined;
  adopted: AgentPlan[] = [];
  said: AgentDiagnostic[] = [];
  readonly asked: string[] = [];
  readonly directory = mkdtempSync(join(tmpdir(), 'isthmus-control-'));
  readonly counts = { sdk: new ArmCounts(), mesh: new ArmCounts(), byInstance: 0 };

  static async open(): Promise<FollowedControl> {
    const followed = new FollowedControl();
    followed.port = await followed.bridge.start();
    return followed;
  }

  async close(): Promise<void> {
    this.control?.close();
    await this.bridge.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  follow(more: { readonly cacheDir?: string; readonly tokenFile?: string; readonly random?: () => number } = {}): Control {
    const { cacheDir, random = () => 0, ...place } = more;
    let minutes = 0;
    this.control = followControl({
      place: { url: `http://127.0.0.1:${this.port}`, service: 'web', ...place },
      ...(cacheDir === undefined ? {} : { cacheDir }),
      adopt: (plan) => this.adopted.push(plan),
      targets: () => [{ authority: 'orders.shop:80', effective: { rung: 'traffic', percent: 100 }, counts: this.counts }],
      ask: (host, at) => this.asked.push(`${host}:${at}`),
      // Everything is said: a minute between any two.
      diagnostics: new Diagnostics({ emit: (one) => this.said.push(one), now: () => (minutes += 60_000) }),
      now: () => performance.now(),
      random,
    });
    return this.control;
  }

  /** Of the plans that were adopted, in order. */
  versions(): readonly string[] {
    return this.adopted.map(({ version }) => version);
  }

  async inForce(version: string): Promise<void> {
    await until(`plan ${version}`, () => this.versions().at(-1) === version);
  }
}

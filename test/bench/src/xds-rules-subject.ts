import { join } from 'node:path';
import { startIstiod } from '@isthmus/servers';
import { BenchChild } from './bench-child.ts';
import { ProcessCost } from './process-cost.ts';
import type { RulesBridgeSays, RulesBridgeTold } from './xds-rules-child.ts';

export const RULES_SUBJECTS = ['isthmus', 'istiod'] as const;
export type RulesSubjectName = (typeof RULES_SUBJECTS)[number];

/** Sum and number of what istiod's own clocks counted, by metric. */
export type Clock = Readonly<Record<(typeof METRICS)[number], { readonly ms: number; readonly count: number }>>;

const METRICS = ['pilot_pushcontext_init_seconds', 'pilot_xds_push_time', 'pilot_proxy_convergence_time'] as const;

/** A bridge or an unmodified istiod that reads the same directory. */
export interface RulesSubject extends AsyncDisposable {
  readonly port: number;
  readonly cost: ProcessCost;
  /** The longest turn of the event loop since the last call, ms of its own CPU; NaN of istiod. */
  longestTurn(): Promise<number>;
  /** istiod's own clocks; of a bridge undefined. */
  clock(): Promise<Clock | undefined>;
}

export async function startSubject(name: RulesSubjectName, dir: string): Promise<RulesSubject> {
  return name === 'isthmus' ? startBridge(dir) : startPilot(dir);
}

async function startBridge(dir: string): Promise<RulesSubject> {
  const profile = process.env['ISTHMUS_BENCH_PROFILES'];
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const file = join(import.meta.dirname, 'xds-rules-child.ts');
  const child = new BenchChild<RulesBridgeSays, RulesBridgeTold>(file, { dir }, flags);
  const { port } = await child.next('listens', 60_000);
  return {
    port,
    cost: new ProcessCost(child.pid),
    longestTurn: async () => {
      const said = child.next('stalls', 30_000);
      child.tell('stalls');
      return (await said).stalls.longestByCpu.cpuMs;
    },
    clock: () => Promise.resolve(undefined),
    [Symbol.asyncDispose]: () => child.close('end'),
  };
}

async function startPilot(dir: string): Promise<RulesSubject> {
  const istiod = await startIstiod({ configDir: dir });
  return {
    port: istiod.ports.grpc,
    cost: new ProcessCost(istiod.pid ?? 0),
    longestTurn: () => Promise.resolve(Number.NaN),
    clock: async () => {
      const text = await (await fetch(`http://127.0.0.1:${istiod.ports.monitoring}/metrics`)).text();
      const of = (name: string): { ms: number; count: number } => ({
        ms: sumOf(text, `${name}_sum`) * 1_000,
        count: sumOf(text, `${name}_count`),
      });
      return Object.fromEntries(METRICS.map((name) => [name, of(name)])) as Clock;
    },
    [Symbol.asyncDispose]: () => istiod[Symbol.asyncDispose](),
  };
}

/** Over all labels. */
function sumOf(text: string, name: string): number {
  const lines = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'));
  return lines.reduce((sum, [, value]) => sum + Number(value), 0);
}

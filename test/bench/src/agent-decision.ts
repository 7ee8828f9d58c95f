import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AgentPlan } from '@isthmus/contract';
import type * as Agent from '@isthmus/agent';
import { AGENT } from './agent-cost-plan.ts';
import type { Scenario } from './scenario.ts';
import { median, percentile } from './statistics.ts';

/** As services have it: built for an older language, it was half as fast as the sources once. */
const built = (): typeof Agent => createRequire(import.meta.url)(join(AGENT, 'index.js')) as typeof Agent;

const TARGETS = 500;
const INSTANCES = 20;
/** One reading of the clock costs as much as several decisions: so many are measured at once. */
const BATCH = 100;
const BATCHES = 20_000;

const addressOf = (target: number, instance: number): string => `10.${Math.floor(target / 250)}.${target % 250}.${instance + 1}`;

function decider(percent: number, rung: 'traffic' | 'discovery'): Agent.Decider {
  const { Decider, Diagnostics, Discovery } = built();
  const targets = Array.from({ length: TARGETS }, (_, at) => ({
    host: `service-${at}.default-group.public.nacos`,
    rung,
    percent,
    stickyBy: 'header:x-user-id',
    addresses: Array.from({ length: INSTANCES }, (_unused, instance) => `${addressOf(at, instance)}:8080`),
  }));
  const plan: AgentPlan = { schema: 1, version: 'bench', targets };
  const now = (): number => performance.now();
  const options = { zone: 'eu/a', now, changed: () => undefined, setTimer: () => () => undefined };
  const discovery = new Discovery(options);
  const made = new Decider(new Diagnostics({ emit: () => undefined, now }), (authority) => discovery.balancerOf(authority));
  discovery.follow(targets, true);
  made.adopt(plan);
  made.judge(() => true);
  return made;
}

interface Measured {
  readonly what: string;
  /** Microseconds for a decision, of batches. */
  readonly p50: number;
  readonly p99: number;
  /** Bytes of heap for a decision, the median of windows, and what the same loop leaves there that decides nothing. */
  readonly bytes: number;
  readonly bytesOfNone: number;
}

/** Decides nothing: what measuring itself costs. */
const NOBODY: Pick<Agent.Decider, 'decide'> = { decide: () => SDK };
const SDK = { kind: 'sdk' } as const;
/** The heap grows by what V8 does for itself too (compiled code, a page for a space), in some windows and not in others. */
const WINDOWS = 9;

const readRecord = (carrier: unknown, name: string): string | undefined => (carrier as Record<string, string>)[name];

function measure(
  what: string,
  percent: number,
  hosts: readonly string[],
  port: number,
  rung: 'traffic' | 'discovery' = 'traffic',
): Measured {
  const callers = Array.from({ length: 1_000 }, (_, at) => ({ 'x-user-id': `user-${at}` }));
  const micros = new Float64Array(BATCHES);
  const run = (one: Pick<Agent.Decider, 'decide'>, batches: number): void => {
    let at = 0;
    for (let batch = 0; batch < batches; batch += 1) {
      const began = performance.now();
      for (let call = 0; call < BATCH; call += 1, at += 1) {
        const way = one.decide(hosts[at % hosts.length] as string, port, readRecord, callers[at % callers.length]);
        if (way.kind === 'instance') way.balancer.pick();
      }
      micros[batch] = ((performance.now() - began) * 1_000) / BATCH;
    }
  };
  const heapOf = (one: Pick<Agent.Decider, 'decide'>): number => {
    run(one, 2_000);
    globalThis.gc?.();
    return median(
      Array.from({ length: WINDOWS }, () => {
        const before = process.memoryUsage().heapUsed;
        run(one, BATCHES / 10);
        return Math.max(0, process.memoryUsage().heapUsed - before) / ((BATCHES / 10) * BATCH);
      }),
    );
  };
  const one = decider(percent, rung);
  const bytes = heapOf(one);
  run(one, BATCHES);
  const values = [...micros];
  return { what, p50: percentile(values, 0.5), p99: percentile(values, 0.99), bytes, bytesOfNone: heapOf(NOBODY) };
}

export const agentDecision: Scenario = {
  name: 'agent-decision',
  title: 'The agent: which way does a call go',
  run(log) {
    const managed = Array.from({ length: TARGETS * INSTANCES }, (_, at) => addressOf(at % TARGETS, Math.floor(at / TARGETS)));
    const foreign = Array.from({ length: 1_000 }, (_, at) => `192.168.${Math.floor(at / 250)}.${at % 250}`);
    const rows = [
      measure('an address that no target has', 100, foreign, 8080),
      measure('a known address, another port', 100, managed, 9090),
      measure('a target, all of its calls', 100, managed, 8080),
      measure('a target, 20 % of its calls, sticky by a header', 20, managed, 8080),
      measure('a target at discovery, an instance picked (P2C by weight)', 100, managed, 8080, 'discovery'),
    ];
    for (const { what, p50 } of rows) log(`${what}: p50 ${p50.toFixed(3)} µs`);
    const worst = (of: (row: Measured) => number): number => Math.max(...rows.map(of));
    return Promise.resolve({
      about: `${TARGETS} targets × ${INSTANCES} instances, by the built package; ${BATCHES * BATCH} decisions of each sort, ${BATCH} between two readings of the clock, so p99 is of batches. The heap is what a decision and its measuring leave on it together, the median of ${WINDOWS} windows of ${(BATCHES / 10) * BATCH} decisions each, beside what the same loop leaves that decides nothing.`,
      tables: [
        {
          title: 'One decision',
          columns: ['call to', 'p50 µs', 'p99 µs', 'heap bytes', 'without a decision'],
          rows: rows.map(({ what, p50, p99, bytes, bytesOfNone }) => [
            ...[what, p50.toFixed(3), p99.toFixed(3), bytes.toFixed(3), bytesOfNone.toFixed(3)],
          ]),
        },
      ],
      targets: [
        { what: 'decision p50, the worst sort', unit: 'µs', atMost: 0.5, measured: worst(({ p50 }) => p50) },
        { what: 'decision p99, the worst sort', unit: 'µs', atMost: 2, measured: worst(({ p99 }) => p99) },
        { what: 'heap for an unmanaged call', unit: 'bytes', atMost: 1, measured: rows[0]?.bytes ?? Number.NaN },
      ],
    });
  },
};

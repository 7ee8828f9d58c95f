// A bridge in a process of its own, started by snapshot.ts: tells what its first complete read cost.
import { setTimeout as pause } from 'node:timers/promises';
import { EDS } from '@isthmus/xds';
import { InProcessBridge } from './in-process-bridge.ts';
import { StallProbe } from './stall-probe.ts';
import type { Stalls } from './stall-probe.ts';
import { waitFor } from './wait.ts';

/** At most this many messages in this time are the ordinary ones: listings, polls. */
const QUIET_MESSAGES = 25;
const QUIET_MS = 5_000;
const QUIET_WITHIN_MS = 120_000;

export interface ChildSetup {
  readonly entry: object;
  readonly services: number;
  /** What follows the first read before the CPU at rest is taken, ms. */
  readonly settleMs: number;
  readonly restMs: number;
}

export type ChildMessage =
  /** Everything was read and is in the snapshots. */
  | {
      readonly kind: 'ready';
      readonly port: number;
      readonly tookMs: number;
      readonly cpuMs: number;
      readonly peakMb: number;
      readonly stalls: Stalls;
    }
  /** What followed: a client that took everything, the ledger's last writes. */
  | { readonly kind: 'served'; readonly peakMb: number; readonly stalls: Stalls }
  | {
      readonly kind: 'rest';
      /** Until the registry had said all. */ readonly settledMs: number;
      readonly corePercent: number;
      readonly rssMb: number;
      readonly stalls: Stalls;
    };

export type ParentMessage = 'served' | 'end';

let messages = 0;
const setup = JSON.parse(process.argv[2] ?? '{}') as ChildSetup;
const say = (message: ChildMessage) => void process.send?.(message);
const peakMb = () => process.resourceUsage().maxRSS / 1024;

const probe = new StallProbe();
const start = performance.now();
const cpu = process.cpuUsage();
const bridge = await InProcessBridge.start([setup.entry], { onMessage: () => (messages += 1) });
probe.take(); // the config was read before anything listened
await bridge.engine.readiness.ready;
const used = process.cpuUsage(cpu);
const tookMs = performance.now() - start;
await waitFor('all services in the snapshots', () => bridge.engine.xds.resources(EDS).size >= setup.services, 60_000);
say({
  kind: 'ready',
  port: bridge.port,
  tookMs,
  cpuMs: (used.user + used.system) / 1_000,
  peakMb: peakMb(),
  stalls: probe.take(),
});

process.on('message', (message: ParentMessage) => {
  if (message === 'served') void rest();
  else void end();
});
process.on('disconnect', () => void end());

async function rest(): Promise<void> {
  await pause(setup.settleMs);
  say({ kind: 'served', peakMb: peakMb(), stalls: probe.take() });
  const settledMs = await quiet();
  probe.stop(); // a look every millisecond is 1 % of a core itself
  const before = process.cpuUsage();
  const from = performance.now();
  await pause(setup.restMs);
  const { user, system } = process.cpuUsage(before);
  const wall = performance.now() - from;
  const stalls = probe.take();
  say({ kind: 'rest', settledMs, corePercent: (user + system) / 10 / wall, rssMb: process.memoryUsage.rss() / 2 ** 20, stalls });
}

/** Nacos 2 repeats the pushes of a large read for a while; that is no rest. @returns how long it took, at most two minutes */
async function quiet(): Promise<number> {
  const from = performance.now();
  for (let before = -1; messages - before > QUIET_MESSAGES && performance.now() - from < QUIET_WITHIN_MS;) {
    before = messages;
    await pause(QUIET_MS);
  }
  return performance.now() - from;
}

async function end(): Promise<void> {
  await bridge.close();
  process.exit(0);
}

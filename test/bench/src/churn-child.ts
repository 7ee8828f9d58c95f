// A bridge in a process of its own, started by churn.ts: notes when the registry's messages come, and what they cost.
import type { SourceEvent } from '@isthmus/model';
import { InProcessBridge } from './in-process-bridge.ts';
import { THREAD_OFFSET } from './monotonic.ts';
import { News } from './news.ts';
import { starvedMs } from './run-delay.ts';

export interface ChurnSetup {
  readonly entry: object;
}

export interface ChurnReport {
  /** Of every event in which a source said something new of a service: its name, and when the last byte of the registry's message came (`monotonic()`). */
  readonly messages: readonly (readonly [service: string, at: number])[];
  /** Of the process, since `begin`. */
  readonly cpuMs: number;
  /** For how long the bridge's thread was ready to run and had no CPU, since `begin`. */
  readonly starvedMs: number;
  readonly wallMs: number;
  readonly rssMb: number;
}

export type ChurnMessage =
  { readonly kind: 'ready'; readonly port: number } | { readonly kind: 'report'; readonly report: ChurnReport };
export type ChurnRequest = 'begin' | 'report' | 'end';

const { entry } = JSON.parse(process.argv[2] ?? '{}') as ChurnSetup;
const say = (message: ChurnMessage) => void process.send?.(message);

const news = new News();
let messages: [string, number][] = [];
let lastMessage = Number.NaN;
let cpu = process.cpuUsage();
let since = performance.now();
let starved = starvedMs();

const bridge = await InProcessBridge.start([entry], {
  onMessage: (at) => (lastMessage = at + THREAD_OFFSET),
  onEvent: note,
});
await bridge.engine.readiness.ready;
say({ kind: 'ready', port: bridge.port });

function note(event: SourceEvent): void {
  const name = news.of(event);
  if (name !== undefined) messages.push([name, lastMessage]);
}

process.on('message', (request: ChurnRequest) => {
  switch (request) {
    case 'begin':
      messages = [];
      cpu = process.cpuUsage();
      since = performance.now();
      starved = starvedMs();
      return;
    case 'report':
      say({ kind: 'report', report: report() });
      return;
    case 'end':
      void end();
      return;
    default:
      request satisfies never;
  }
});
process.on('disconnect', () => void end());

function report(): ChurnReport {
  const { user, system } = process.cpuUsage(cpu);
  return {
    messages,
    cpuMs: (user + system) / 1_000,
    starvedMs: starvedMs() - starved,
    wallMs: performance.now() - since,
    rssMb: process.memoryUsage.rss() / 2 ** 20,
  };
}

async function end(): Promise<void> {
  await bridge.close();
  process.exit(0);
}

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SdkViews } from '@isthmus/agent';
import type { AgentReport, AgentTarget, ViewEndpoint } from '@isthmus/contract';
import type { ShadowSays, ShadowSetup, ShadowTold } from './agent-shadow-child.ts';
import { BenchChild } from './bench-child.ts';
import type { Scenario, Target } from './scenario.ts';
import { figure, median, medianInterval } from './statistics.ts';

const TARGETS = 50;
const INSTANCES = 20;
const OBSERVATIONS = 20_000;

/** How often there is something to compare. */
interface Rate {
  readonly name: string;
  readonly newsASecond: number;
  readonly reportEveryMs: number;
  readonly segmentMs: number;
  readonly pairs: number;
}

/** As registries' clients and agents have it by themselves: each view is told anew, and reported, every ten seconds. */
const USUAL: Rate = { name: 'usual', newsASecond: TARGETS / 10, reportEveryMs: 10_000, segmentMs: 10_000, pairs: 12 };
const TENFOLD: Rate = { name: 'tenfold', newsASecond: TARGETS, reportEveryMs: 1_000, segmentMs: 2_500, pairs: 24 };

/** A control plane that changes the rung of all targets, and asks for every view in full once. */
class Control {
  readonly server: Server;
  reports = 0;
  #send: (event: string, data: object) => void = () => undefined;
  #version = 0;
  readonly #hashes = new Map<string, string>();

  constructor(reportEveryMs: number) {
    this.server = createServer((request, response) => {
      if (request.method !== 'POST') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        let id = 0;
        this.#send = (event, data) => response.write(`id: ${(id += 1)}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
        this.#send('hello', { schema: 1, bridge: 'bench', pingMs: 60_000, reportEveryMs });
        this.plan('sdk');
        return;
      }
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        this.#take(JSON.parse(body) as AgentReport);
        response.end('{}');
      });
    });
  }

  plan(rung: 'sdk' | 'shadow'): void {
    const targets = Array.from({ length: TARGETS }, (_, at): AgentTarget => {
      const sdkNames = [`nacos/public/DEFAULT_GROUP/target-${at}`];
      return { host: `target-${at}.shop`, port: 80, rung, addresses: [`10.0.${at}.1:8080`], sdkNames };
    });
    this.#send('plan', { schema: 1, version: String((this.#version += 1)), targets });
  }

  #take({ targets }: AgentReport): void {
    this.reports += 1;
    for (const { host, port, view } of targets) {
      if (view === undefined || this.#hashes.get(host) === view.hash) continue;
      this.#hashes.set(host, view.hash);
      this.#send('ask', { host, port });
    }
  }
}

interface Measured {
  /** µs of CPU for a call, of each segment at `sdk`. */
  readonly plain: readonly number[];
  /** Of each pair: how much more CPU a call had at `shadow`, as a part of that at `sdk`. */
  readonly more: readonly number[];
  readonly callsASecond: readonly number[];
  readonly reports: number;
}

async function measure({ newsASecond, reportEveryMs, segmentMs, pairs }: Rate): Promise<Measured> {
  const control = new Control(reportEveryMs);
  const called = createServer((_request, response) => response.end('ok'));
  const [controlPort = 0, calledPort = 0] = await Promise.all([control.server, called].map(listening));
  const setup: ShadowSetup = {
    ...{ control: controlPort, called: calledPort, targets: TARGETS, instances: INSTANCES },
    ...{ newsASecond, segmentMs },
  };
  const child = new BenchChild<ShadowSays, ShadowTold>(join(import.meta.dirname, 'agent-shadow-child.ts'), setup);
  const result = { plain: [] as number[], more: [] as number[], callsASecond: [] as number[] };
  try {
    await child.next('ready', 60_000);
    const segment = async (rung: 'sdk' | 'shadow'): Promise<number> => {
      control.plan(rung);
      child.tell(rung);
      const { cpuMs, wallMs, calls } = await child.next('measured', 60_000);
      result.callsASecond.push((calls / wallMs) * 1_000);
      return (cpuMs / Math.max(1, calls)) * 1_000;
    };
    for (const rung of ['sdk', 'shadow'] as const) await segment(rung); // warms up
    result.callsASecond.length = 0;
    for (let pair = 0; pair < pairs; pair += 1) {
      const order = pair % 2 === 0 ? (['sdk', 'shadow'] as const) : (['shadow', 'sdk'] as const);
      const perCall = { sdk: 0, shadow: 0 };
      for (const rung of order) perCall[rung] = await segment(rung);
      result.more.push(perCall.shadow / perCall.sdk - 1);
      result.plain.push(perCall.sdk);
    }
  } finally {
    await child.close('end');
    for (const server of [control.server, called]) {
      server.closeAllConnections();
      server.close();
    }
  }
  return { ...result, reports: control.reports };
}

const percent = (part: number): string => `${(part * 100).toFixed(2)} %`;

export const agentShadow: Scenario = {
  name: 'agent-shadow',
  title: 'Shadow: what comparing views costs a service',
  async run(log) {
    const rows: string[][] = [];
    const targets: Target[] = [];
    for (const rate of [USUAL, TENFOLD]) {
      const { plain, more, callsASecond, reports } = await measure(rate);
      const [low, high] = medianInterval(more);
      log(`${rate.name} rate: shadow ${percent(median(more))} more CPU (95 %: ${percent(low)} to ${percent(high)})`);
      rows.push([
        `${rate.name}: ${rate.newsASecond} news, ${1_000 / rate.reportEveryMs} reports`,
        ...[figure(median(plain)), percent(median(more)), `${percent(low)} to ${percent(high)}`],
        ...[figure(median(callsASecond)), String(reports)],
      ]);
      if (rate === USUAL)
        targets.push({
          ...{
            what: 'CPU of shadow at the usual rate of news, median of pairs',
            unit: '%',
            atMost: 3,
            measured: median(more) * 100,
          },
          because:
            low <= 0.03
              ? `the interval of the pairs is ${percent(low)} to ${percent(high)}: other work on the machine`
              : undefined,
        });
    }
    const [same, changed] = [observation(Number.POSITIVE_INFINITY), observation(1)];
    return {
      about: `One process makes 2,000 calls a second by http with an agent that keeps connections (32 at once at most: beyond they are left out), and its agent follows a control plane. Its registry's client has news of ${TARGETS} targets × ${INSTANCES} instances, new objects each time, of another instance every tenth time. Pairs of segments (${USUAL.pairs} of ${USUAL.segmentMs / 1_000} s, ${TENFOLD.pairs} of ${TENFOLD.segmentMs / 1_000} s) at rung sdk, where nobody is told the news, and at shadow, where the agent is, reports all targets and sends what is another in full when it is asked. Usual: each view is told every ten seconds and reported every ten (the defaults of npm nacos and of the agent); tenfold: every second. CPU is that of the whole process for a call; the interval is a bootstrap of the median over pairs.`,
      tables: [
        {
          title: 'CPU for a call',
          columns: ['rate, a second', 'rung sdk, µs', 'shadow, more', '95 % of the median', 'calls a second', 'reports'],
          rows,
        },
        {
          title: 'One view of 20 instances told, by itself',
          columns: ['what is told', 'CPU, µs', 'of a core, usual rate', 'tenfold'],
          rows: [
            ['the same as before', ...shares(same)],
            ['one instance is another', ...shares(changed)],
          ],
        },
      ],
      targets,
    };
  },
};

function shares(us: number): readonly string[] {
  return [figure(us), ...[USUAL, TENFOLD].map(({ newsASecond }) => `${((us * newsASecond) / 1e4).toFixed(4)} %`)];
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Microseconds of CPU for one view that is told, without those that its client takes to make it. @param every how many have another instance than before */
function observation(every: number): number {
  const views = new SdkViews();
  const made = [0, 1].map((which) =>
    Array.from({ length: INSTANCES }, (_, at): ViewEndpoint => {
      const last = at === 0 ? which * 100 : at;
      return { address: `10.0.0.${last + 1}`, port: 8080, weight: 1, healthy: true, zone: '', protocol: 'http' };
    }),
  );
  const tell = (count: number): void =>
    views.observe('nacos/public/DEFAULT_GROUP/orders', made[Math.floor(count / every) % 2] ?? []);
  for (let count = 0; count < OBSERVATIONS; count += 1) tell(count);
  const before = process.cpuUsage();
  for (let count = 0; count < OBSERVATIONS; count += 1) tell(count);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / OBSERVATIONS;
}

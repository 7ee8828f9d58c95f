import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SdkViews } from '@isthmus/agent';
import type { AgentReport, AgentTarget, ViewEndpoint } from '@isthmus/contract';
import type { ShadowSays, ShadowTold } from './agent-shadow-child.ts';
import { BenchChild } from './bench-child.ts';
import type { Scenario } from './scenario.ts';
import { figure, median, medianInterval } from './statistics.ts';

const TARGETS = 50;
const INSTANCES = 20;
const PAIRS = 16;
const OBSERVATIONS = 20_000;

/** A control plane that changes the rung of all targets, and asks for every view in full once. */
class Control {
  readonly server: Server;
  reports = 0;
  #send: (event: string, data: object) => void = () => undefined;
  #version = 0;
  readonly #hashes = new Map<string, string>();

  constructor() {
    this.server = createServer((request, response) => {
      if (request.method !== 'POST') {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        let id = 0;
        this.#send = (event, data) => response.write(`id: ${(id += 1)}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
        this.#send('hello', { schema: 1, bridge: 'bench', pingMs: 60_000, reportEveryMs: 1_000 });
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

export const agentShadow: Scenario = {
  name: 'agent-shadow',
  title: 'Shadow: what comparing views costs a service',
  async run(log) {
    const control = new Control();
    const called = createServer((_request, response) => response.end('ok'));
    const [controlPort, calledPort] = await Promise.all([control.server, called].map(listening));
    const setup = { control: controlPort, called: calledPort, targets: TARGETS, instances: INSTANCES };
    const child = new BenchChild<ShadowSays, ShadowTold>(join(import.meta.dirname, 'agent-shadow-child.ts'), setup);
    try {
      await child.next('ready', 60_000);
      const segment = async (rung: 'sdk' | 'shadow'): Promise<{ readonly share: number; readonly rate: number }> => {
        control.plan(rung);
        child.tell(rung);
        const { cpuMs, wallMs, calls } = await child.next('measured', 60_000);
        return { share: (cpuMs / Math.max(1, calls)) * 1_000, rate: (calls / wallMs) * 1_000 };
      };
      for (const rung of ['sdk', 'shadow', 'sdk'] as const) await segment(rung); // warms up
      const more: number[] = [];
      const plain: number[] = [];
      const rates: number[] = [];
      for (let pair = 0; pair < PAIRS; pair += 1) {
        const order = pair % 2 === 0 ? (['sdk', 'shadow'] as const) : (['shadow', 'sdk'] as const);
        const measured = { sdk: { share: 0, rate: 0 }, shadow: { share: 0, rate: 0 } };
        for (const rung of order) measured[rung] = await segment(rung);
        more.push(measured.shadow.share / measured.sdk.share - 1);
        plain.push(measured.sdk.share);
        rates.push(measured.sdk.rate, measured.shadow.rate);
      }
      const [low, high] = medianInterval(more);
      const alone = observation();
      const share = ((alone * TARGETS) / 1e6) * 100;
      log(`shadow ${(median(more) * 100).toFixed(2)} % more CPU (95 %: ${(low * 100).toFixed(2)} to ${(high * 100).toFixed(2)})`);
      return {
        about: `One process makes 2,000 calls a second by http with an agent that keeps connections, and its agent follows a control plane. ${PAIRS} pairs of 2.5 s at rung sdk and at shadow, in turns; at shadow each of ${TARGETS} targets × ${INSTANCES} instances is told anew every second (a registry's client does so every ten), has another instance every tenth time, and is asked for in full when it has; it reports every second (every ten by default). CPU is that of the whole process for a call; the interval is a bootstrap of the median over pairs. ${control.reports} reports came.`,
        tables: [
          {
            title: 'CPU for a call',
            columns: ['rung sdk, µs', 'shadow, more', '95 % of the median', 'calls a second'],
            rows: [
              [
                figure(median(plain)),
                `${(median(more) * 100).toFixed(2)} %`,
                `${(low * 100).toFixed(2)} % to ${(high * 100).toFixed(2)} %`,
                figure(median(rates)),
              ],
            ],
          },
          {
            title: 'One view told, by itself',
            columns: ['CPU, µs', 'of a core, at this rate'],
            rows: [[figure(alone), `${share.toFixed(2)} %`]],
          },
        ],
        targets: [
          {
            what: 'CPU of shadow, median of pairs',
            unit: '%',
            atMost: 3,
            measured: median(more) * 100,
            because:
              low <= 0.03
                ? `the interval of the pairs is ${(low * 100).toFixed(1)} to ${(high * 100).toFixed(1)} %, on a machine that others used too, and at ten times the usual rate of news and reports`
                : undefined,
          },
        ],
      };
    } finally {
      await child.close('end');
      for (const server of [control.server, called]) {
        server.closeAllConnections();
        server.close();
      }
    }
  },
};

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Microseconds of CPU for one view of 20 instances that is told and is another each tenth time. */
function observation(): number {
  const views = new SdkViews();
  const tell = (count: number): void => {
    const view = Array.from({ length: INSTANCES }, (_, at): ViewEndpoint => {
      const last = at === 0 ? Math.floor(count / 10) % 200 : at;
      return { address: `10.0.0.${last + 1}`, port: 8080, weight: 1, healthy: true, zone: '', protocol: 'http' };
    });
    views.observe('nacos/public/DEFAULT_GROUP/orders', view);
  };
  for (let count = 0; count < OBSERVATIONS; count += 1) tell(count);
  const before = process.cpuUsage();
  for (let count = 0; count < OBSERVATIONS; count += 1) tell(count);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / OBSERVATIONS;
}

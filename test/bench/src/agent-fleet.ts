import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { AgentReport, AgentTarget } from '@isthmus/contract';
import { AgentTargets } from '@isthmus/plans';
import { Agents } from '../../../apps/bridge/src/agents/agents.ts';
import { PlanVersion } from '../../../apps/bridge/src/agents/plan-version.ts';
import type { FleetSays, FleetTold } from './agent-fleet-child.ts';
import { BenchChild } from './bench-child.ts';
import { load } from './machine.ts';
import { monotonic } from './monotonic.ts';
import type { Scenario } from './scenario.ts';
import { figure, largest, percentile } from './statistics.ts';
import { waitFor } from './wait.ts';

const AGENTS = 500;
const PROCESSES = 2;
const SERVICES = 50;
const TARGETS = 20;
const CHANGES = 20;

const target = (host: string, percent: number): AgentTarget => ({
  host,
  port: 80,
  rung: 'shadow', // higher, and 500 agents on one machine would ask 500 times for their one sidecar
  percent,
  addresses: Array.from({ length: 20 }, (_, at) => `10.0.0.${at + 1}:8080`),
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** The bridge's part for agents behind plain HTTP, without the control API around it. */
async function serve(book: AgentTargets, stop: AbortController) {
  const limits = { maxStreams: 10_000, maxStreamsPerService: 10_000, maxAgents: 10_000, pingMs: 15_000, reportEveryMs: 10_000 };
  const agents = await Agents.open({
    tokens: { open: ['*'] },
    config: () => ({ open: ['*'], ...limits }),
    bridge: 'bench',
    now: () => Date.now(),
    merged: () => undefined,
    isReady: () => true,
    leader: () => ({ kind: 'here' }),
    signal: stop.signal,
  });
  agents.follow(book);
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      void bodyOf(request).then(async (text) => {
        const ask = await agents.report(JSON.parse(text) as AgentReport, {
          address: '',
          authorization: undefined,
          forwarded: false,
        });
        response.end(JSON.stringify({ ask }));
      });
      return;
    }
    const query = new URL(request.url ?? '', 'http://bridge').searchParams;
    const word = (name: string): string => query.get(name) ?? '';
    const lastId = request.headers['last-event-id'] as string | undefined;
    agents.openStream(
      {
        service: word('service'),
        instance: word('instance'),
        agent: '',
        node: '',
        address: '',
        lastId,
        authorization: undefined,
      },
      response,
    );
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
  await once(server, 'listening');
  return { agents, server, port: (server.address() as AddressInfo).port };
}

export const agentFleet: Scenario = {
  name: 'agent-fleet',
  title: 'A changed plan at 500 agents',
  async run(log) {
    const stop = new AbortController();
    const book = new AgentTargets();
    for (let n = 0; n < TARGETS; n += 1) book.set(`plan-${n}`, ['*'], target(`target-${n}.shop`, 50));
    const { agents, server, port } = await serve(book, stop);
    const children = Array.from(
      { length: PROCESSES },
      (_, process) =>
        new BenchChild<FleetSays, FleetTold>(join(import.meta.dirname, 'agent-fleet-child.ts'), {
          ...{ port, agents: AGENTS / PROCESSES, services: SERVICES, process },
        }),
    );
    try {
      await Promise.all(children.map((child) => child.next('synced', 120_000)));
      log(`${agents.streams.size} agents are connected, load ${load()}`);
      const views = (): boolean =>
        agents.fleet.agentsOf({ host: 'target-0.shop', port: 80 }, ['*']).every((one) => one.acknowledged);
      // The first reports of 500 processes are no part of a change.
      await waitFor('every agent has told of the plan that it began with', views, 60_000, 20);
      const all: number[] = [];
      const last: number[] = [];
      const acknowledged: number[] = [];
      const bridgeCpu: number[] = [];
      const agentCpu: number[] = [];
      for (let change = 0; change < CHANGES; change += 1) {
        const next = target('target-0.shop', change % 2 === 0 ? 5 : 50);
        const version = versionAfter(book, next);
        const done = children.map((child) => child.next('effective', 60_000));
        const armed = children.map((child) => child.next('armed', 60_000));
        for (const child of children) child.tell(`expect ${version}`);
        await Promise.all(armed);
        const cpu = process.cpuUsage();
        const began = monotonic();
        book.set('plan-0', ['*'], next);
        const answers = await Promise.all(done);
        const { user, system } = process.cpuUsage(cpu);
        const times = answers.flatMap(({ at }) => at.map((ms) => ms - began));
        bridgeCpu.push((user + system) / 1_000);
        agentCpu.push(answers.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / AGENTS);
        all.push(...times);
        last.push(largest(times));
        await waitFor('every agent has acknowledged', views, 60_000, 20);
        acknowledged.push(monotonic() - began);
      }
      log(`the last of ${AGENTS} agents: p50 ${figure(percentile(last, 0.5), 'ms')}, load ${load()}`);
      const row = (what: string, values: readonly number[]): readonly string[] => [
        what,
        ...[0.5, 0.9, 0.99, 1].map((share) => percentile(values, share).toFixed(1)),
      ];
      return {
        about: `${AGENTS} agents of ${SERVICES} services in ${PROCESSES} processes, each with a stream of its own; plans of ${TARGETS} targets × 20 addresses for all of them. One target's share changes ${CHANGES} times; measured from the change in the bridge's book until the agent's table is the new one, so that its next call goes by it. The bridge's part for agents runs behind node:http. Acknowledged: every agent's report has come that it is in force; agents spread these over 50 to 100 ms, looked at each 20 ms.`,
        tables: [
          {
            title: 'From the change, ms',
            columns: ['until, or CPU until then', 'p50', 'p90', 'p99', 'worst'],
            rows: [
              row('it is in force at an agent', all),
              row('it is in force at the last of all agents', last),
              row('all have acknowledged it', acknowledged),
              row('CPU of the bridge’s process', bridgeCpu),
              row('CPU of an agent', agentCpu),
            ],
          },
        ],
        targets: [
          {
            what: 'in force at every connected agent, p99 of the changes',
            unit: 'ms',
            atMost: 200,
            measured: percentile(last, 0.99),
            because: `one change costs ${figure(percentile(bridgeCpu, 0.5), 'ms')} of CPU in the bridge’s process, reports of those that are first included, and ${figure(percentile(agentCpu, 0.5), 'ms')} at each agent; the ${AGENTS} agents of this bench share ${PROCESSES} processes and the machine with the bridge (load ${load()})`,
          },
        ],
      };
    } finally {
      await Promise.all(children.map((child) => child.close('end')));
      stop.abort();
      server.closeAllConnections();
      server.close();
    }
  },
};

/** The version that services will be told once the first target is this: it is of the content alone. */
function versionAfter(book: AgentTargets, next: AgentTarget): string {
  const version = new PlanVersion();
  for (const one of book.targetsFor('service-0')) version.add(JSON.stringify(one.host === next.host ? next : one));
  return version.text;
}

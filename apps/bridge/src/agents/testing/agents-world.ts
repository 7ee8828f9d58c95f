import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AgentReport, AgentTarget } from '@isthmus/contract';
import type { MeshHost, MeshService } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { AgentTargets } from '@isthmus/plans';
import { Agents } from '../agents.ts';
import type { Leader } from '../forward-reports.ts';
import { VERSION } from '../open-agents.ts';
import { Client } from './stream-client.ts';

export const orders: AgentTarget = { host: 'orders.shop', port: 80, rung: 'traffic', addresses: [] };
/** The target's identity in reports and evidence. */
export const ordersId = { host: 'orders.shop', port: 80 };
/** Where a report comes from that its agent sent to this replica itself. */
export const from = { address: '10.0.0.1', authorization: undefined, forwarded: false };
/** The counts of calls by one way, each answered within the first bucket's time. */
export const arm = (calls: number, failures = 0) => ({ calls, failures, attempts: calls, latency: [calls] });

/** The bridge's side of the agents with a catalog, a plan book and a clock of the test's own, and agents on real streams. */
export class AgentsWorld {
  readonly book = new AgentTargets();
  /** There from `open` on. */
  agents!: Agents;
  /** Epoch milliseconds. */
  now = 1_000_000;
  leader: Leader = { kind: 'here' };
  isReady = true;
  limits = { maxStreams: 100, maxStreamsPerService: 50, maxAgents: 100 };
  readonly #stopped = new AbortController();
  readonly #services = new Map<MeshHost, MeshService>();
  readonly #clients: Client[] = [];
  readonly #server = http.createServer((request, response) => {
    const { service = '', instance = '', 'last-event-id': lastId } = request.headers as Record<string, string | undefined>;
    this.agents.openStream(
      { service, instance, agent: '0', node: 'v0', address: '127.0.0.1', lastId, authorization: undefined },
      response,
    );
  });

  static async open(): Promise<AgentsWorld> {
    const world = new AgentsWorld();
    world.agents = await Agents.open({
      tokens: { open: ['*'] },
      config: () => ({ open: ['*'], pingMs: 1_000, reportEveryMs: 10_000, ...world.limits }),
      bridge: VERSION,
      now: () => world.now,
      merged: (host) => world.#services.get(host),
      leader: () => world.leader,
      isReady: () => world.isReady,
      signal: world.#stopped.signal,
    });
    world.agents.follow(world.book);
    await new Promise<void>((resolve) => world.#server.listen(0, '127.0.0.1', resolve));
    return world;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    this.#stopped.abort();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** A process of the service, greeted. */
  async connect(service = 'web', instance = 'a', lastId?: string): Promise<Client> {
    const client = new Client(this.port, service, instance, lastId);
    this.#clients.push(client);
    await until('hello', () => client.of('hello').length === 1);
    return client;
  }

  /** The service orders as the catalog has it from now on, as far as it matters here. */
  serve(...addresses: readonly string[]): void {
    const endpoints = addresses.map((address) => ({
      portName: 'http-80',
      endpoint: {
        address,
        port: 8080,
        weight: 1,
        health: 'healthy',
        protocol: 'http',
        locality: { region: '', zone: '', subzone: '' },
      },
    }));
    const host = ordersId.host as MeshHost;
    this.#services.set(host, { ports: [{ number: 80, name: 'http-80' }], endpoints } as unknown as MeshService);
    this.agents.touch([host]);
  }

  /** What a process of web reports at the plan that the first one connected was told. */
  report(more: Partial<AgentReport> = {}, mesh = arm(0)): AgentReport {
    const planVersion = (this.#clients[0]?.of('plan')[0]?.data['version'] as string | undefined) ?? '';
    const effective = { rung: 'traffic', percent: 100 } as const;
    const targets = [{ ...ordersId, effective, arms: { sdk: arm(0), mesh }, breakers: [] }];
    return {
      schema: 1,
      service: 'web',
      instance: 'a',
      agent: '0.1.0',
      node: 'v24',
      planVersion,
      targets,
      diagnostics: [],
      ...more,
    };
  }
}

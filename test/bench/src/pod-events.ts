import { setTimeout as pause } from 'node:timers/promises';
import { EDS } from '@isthmus/xds';
import { InProcessBridge } from './in-process-bridge.ts';
import type { Scenario } from './scenario.ts';
import { ScriptedCluster } from './scripted-cluster.ts';
import { ScriptedRegistry } from './scripted-registry.ts';
import { figure, median, percentile } from './statistics.ts';
import { waitFor } from './wait.ts';
import { XdsClient } from './xds-client.ts';

const INSTANCES = 2;
const SIZES = [1_000, 10_000, 50_000];
const ROUNDS = 10;
const WARM_ROUNDS = 3;
const EVENTS = 100;

/** How soon is a dead Pod out of what Envoy is sent, and does that depend on how many services there are? */
export const podEvents: Scenario = {
  name: 'pods',
  title: 'From a Pod that is not ready any more to Envoy, by the number of services',
  async run(log) {
    const lines = [];
    for (const services of SIZES) lines.push(await Line.start(services));
    log(`${SIZES.join(', ')} services are at their clients, each instance with its Pod`);
    for (let round = -WARM_ROUNDS; round < ROUNDS; round += 1) for (const line of lines) await line.round(round >= 0);
    for (const line of lines) await line.close();
    const [small, ...larger] = lines;
    return {
      about: [
        `A scripted registry with ${INSTANCES} instances a service and a scripted cluster with a Pod behind each; the engine with its file`,
        `ledger and MCP output, the ADS server and one delta client in a thread of its own. ${ROUNDS} rounds of ${EVENTS} Pods that become`,
        'unready and ready again, one after the other, each awaited at the client. CPU: of the thread that does all of it (median of the',
        'rounds; an event’s share). Wall: from the Pod’s event to the response’s bytes being given to the socket.',
      ].join('\n'),
      tables: [
        {
          title: 'One Pod event',
          columns: ['services', 'CPU µs (median round)', 'wall p50 ms', 'wall p99 ms', 'longest ms'],
          rows: lines.map(({ services, cpu, wall }) => [
            String(services),
            figure(median(cpu)),
            figure(percentile(wall, 0.5)),
            figure(percentile(wall, 0.99)),
            figure(percentile(wall, 1)),
          ]),
        },
      ],
      targets: [
        ...lines.map(({ services, wall }) => ({
          what: `an evicted endpoint is on the wire at ${services} services, longest`,
          unit: 'ms',
          atMost: 1_000,
          measured: percentile(wall, 1),
        })),
        ...larger.map((large) => ({
          what: `CPU of a Pod event at ${large.services} services, times that at ${small?.services}`,
          unit: '',
          atMost: 1.3,
          measured: median(large.cpu) / median(small?.cpu ?? []),
        })),
      ],
    };
  },
};

interface At {
  pushed: number;
  arrivals: number;
}

/** One bridge of one size with its registry, its cluster and its client. */
class Line {
  readonly services: number;
  /** µs an event, by round. */
  readonly cpu: number[] = [];
  /** ms, by event. */
  readonly wall: number[] = [];
  readonly #cluster: ScriptedCluster;
  readonly #bridge: InProcessBridge;
  readonly #client: XdsClient;
  readonly #at: At;
  #events = 0;

  private constructor(services: number, cluster: ScriptedCluster, bridge: InProcessBridge, client: XdsClient, at: At) {
    this.services = services;
    this.#cluster = cluster;
    this.#bridge = bridge;
    this.#client = client;
    this.#at = at;
  }

  static async start(services: number): Promise<Line> {
    const registry = new ScriptedRegistry(services, INSTANCES);
    const cluster = new ScriptedCluster(services, INSTANCES);
    const at = { pushed: 0, arrivals: 0 };
    const onXds = (event: { readonly kind: string; readonly type?: string }) => {
      if (event.kind === 'pushed' && event.type === EDS) at.pushed = performance.now();
    };
    const bridge = await InProcessBridge.start([registry.entry, cluster.entry], { onXds }, [registry.kind, cluster.kind]);
    registry.sayAll();
    cluster.sayAll();
    await bridge.engine.readiness.ready;
    await waitFor('the Pods are known', () => bridge.engine.liveness.crossChecks[0]?.isKnown === true, 120_000);
    const endpoints = Array.from({ length: services }, (_, n) => registry.cluster(n));
    const client = new XdsClient({ port: bridge.port, transport: 'delta', endpoints });
    await waitFor('the client has all endpoints', () => client.endpoints === services, 120_000);
    client.onArrival(({ type }) => {
      if (type === EDS) at.arrivals += 1;
    });
    return new Line(services, cluster, bridge, client, at);
  }

  async round(counts: boolean): Promise<void> {
    globalThis.gc?.();
    await pause(400); // what the round before left to do: the ledger syncs every 250 ms
    const before = process.threadCpuUsage();
    for (let n = 0; n < EVENTS; n += 1) {
      const service = ((this.#events >> 1) * 7_919) % this.services;
      const arrivals = this.#at.arrivals;
      const start = performance.now();
      this.#cluster.ready(service, this.#events % 2 === 1);
      this.#events += 1;
      await waitFor('the change at the client', () => this.#at.arrivals > arrivals, 10_000, 1);
      if (counts) this.wall.push(this.#at.pushed - start);
    }
    await pause(400);
    const { user, system } = process.threadCpuUsage(before);
    if (counts) this.cpu.push((user + system) / EVENTS);
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#bridge.close();
  }
}

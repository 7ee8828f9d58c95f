import { setTimeout as pause } from 'node:timers/promises';
import { EDS } from '@isthmus/xds';
import { InProcessBridge } from './in-process-bridge.ts';
import { receiveCost } from './receive-cost.ts';
import type { Scenario } from './scenario.ts';
import { ScriptedRegistry } from './scripted-registry.ts';
import { figure, median, percentile } from './statistics.ts';
import { waitFor } from './wait.ts';
import { XdsClient } from './xds-client.ts';

const INSTANCES = 10;
/** Sizes by transport: the protocol itself makes state of the world dear (see `about`), so its largest is 20,000. */
const SIZES = { delta: [1_000, 10_000, 20_000, 50_000], sotw: [1_000, 20_000] } as const;
const TRANSPORTS = ['delta', 'sotw'] as const;
const ROUNDS = 12;
const WARM_ROUNDS = 3;
const CHANGES = 150;

/** Does one change cost more when there are more services? */
export const scaling: Scenario = {
  name: 'scaling',
  title: 'The cost of one endpoint change, by the number of services',
  async run(log) {
    const measured = [];
    for (const transport of TRANSPORTS) measured.push({ transport, lines: await measure(transport, log) });
    const names = Array.from({ length: SIZES.sotw[1] }, (_, n) => `outbound|80||load-${n}.scripted`);
    const answerBytes = names.reduce((bytes, name) => bytes + 2 + name.length, 0); // tag and length before each
    const [small, large] = [await receiveCost(500), await receiveCost(answerBytes)];
    const floor = large - small;
    log(`receiving ${answerBytes} bytes, nothing else: ${figure(floor, 'µs')}`);
    return {
      about: [
        `A scripted source, the engine with its file ledger and MCP output, the ADS server and one client in a thread of its own that`,
        `subscribes to all endpoints; ${INSTANCES} instances a service. All sizes live in one process and take turns: ${ROUNDS} rounds of`,
        `${CHANGES} changes one after the other, each until the client has it and its ACK is here, after ${WARM_ROUNDS} rounds to get warm. CPU: of the thread that`,
        'does all of it, from the source’s event to the answer of the client and the ledger’s write (median of the rounds; a change’s',
        'share). Wall: from the event to the response’s bytes being given to the socket. In state of the world every answer of a client',
        'repeats the names of all that it subscribes to, here 20,000: the protocol’s own cost, which delta has not. *Receiving*: what a bare',
        `node:http2 server takes to receive such an answer (${answerBytes} bytes) and do nothing with it, more than one of 500 bytes.`,
      ].join('\n'),
      tables: [
        {
          title: 'One change',
          columns: ['transport', 'services', 'CPU µs (median round)', 'CPU µs (best round)', 'wall p50 ms', 'wall p99 ms'],
          rows: [
            ...measured.flatMap(({ transport, lines }) =>
              lines.map(({ services, cpu, wall }) => [
                transport,
                String(services),
                figure(median(cpu)),
                figure(Math.min(...cpu)),
                figure(percentile(wall, 0.5)),
                figure(percentile(wall, 0.99)),
              ]),
            ),
            ['receiving', String(SIZES.sotw[1]), figure(floor), '', '', ''],
          ],
        },
      ],
      targets: measured.flatMap(({ transport, lines: [small, ...larger] }) =>
        larger.flatMap((large) => [
          {
            what: `${transport}: CPU of a change at ${large.services} services, times that at ${small?.services}`,
            unit: '',
            atMost: 1.3,
            measured: median(large.cpu) / median(small?.cpu ?? []),
            ...(transport === 'sotw'
              ? { because: `receiving the names alone, by a bare node:http2 server, is ${figure(floor, 'µs')} of it` }
              : {}),
          },
          {
            what: `${transport}: wall time p50 at ${large.services} services, times that at ${small?.services}`,
            unit: '',
            atMost: 1.3,
            measured: percentile(large.wall, 0.5) / percentile(small?.wall ?? [], 0.5),
          },
        ]),
      ),
    };
  },
};

interface Measured {
  readonly services: number;
  /** µs a change, by round. */
  readonly cpu: number[];
  /** ms, by change. */
  readonly wall: number[];
}

async function measure(transport: (typeof TRANSPORTS)[number], log: (line: string) => void): Promise<readonly Measured[]> {
  const lines = [];
  for (const services of SIZES[transport]) lines.push(await Line.start(services, transport));
  log(`${transport}: ${SIZES[transport].join(', ')} services are at their clients`);
  for (let round = -WARM_ROUNDS; round < ROUNDS; round += 1) for (const line of lines) await line.round(round >= 0);
  for (const line of lines) await line.close();
  return lines.map(({ measured }) => measured);
}

interface Seen {
  /** `performance.now()` of the last response. */
  pushed: number;
  arrivals: number;
  acks: number;
  /** Something arrived. */
  look: () => void;
}

/** One bridge of one size with its source and its client. */
class Line {
  readonly measured: Measured;
  readonly #registry: ScriptedRegistry;
  readonly #bridge: InProcessBridge;
  readonly #client: XdsClient;
  readonly #at: Seen;
  #changes = 0;

  private constructor(services: number, registry: ScriptedRegistry, bridge: InProcessBridge, client: XdsClient, at: Seen) {
    this.measured = { services, cpu: [], wall: [] };
    this.#registry = registry;
    this.#bridge = bridge;
    this.#client = client;
    this.#at = at;
  }

  static async start(services: number, transport: 'sotw' | 'delta'): Promise<Line> {
    const registry = new ScriptedRegistry(services, INSTANCES);
    const at: Seen = { pushed: 0, arrivals: 0, acks: 0, look: () => undefined };
    const onXds = (event: { readonly kind: string; readonly type?: string }) => {
      if (event.type !== EDS) return;
      if (event.kind === 'pushed') at.pushed = performance.now();
      if (event.kind !== 'acked') return;
      at.acks += 1;
      at.look();
    };
    const bridge = await InProcessBridge.start([registry.entry], { onXds }, [registry.kind]);
    registry.sayAll();
    await bridge.engine.readiness.ready;
    const endpoints = Array.from({ length: services }, (_, n) => registry.cluster(n));
    const client = new XdsClient({ port: bridge.port, transport, endpoints });
    await waitFor('the client has all endpoints', () => client.endpoints === services, 120_000);
    client.onArrival(({ type }) => {
      if (type !== EDS) return;
      at.arrivals += 1;
      at.look();
    });
    return new Line(services, registry, bridge, client, at);
  }

  async round(counts: boolean): Promise<void> {
    globalThis.gc?.();
    await pause(400); // what the round before left to do: the ledger syncs every 250 ms
    const before = process.threadCpuUsage();
    for (let n = 0; n < CHANGES; n += 1) {
      const there = this.#isThere();
      const start = performance.now();
      this.#registry.change((this.#changes * 7_919) % this.measured.services, 2 + (this.#changes % 5_000));
      this.#changes += 1;
      await there;
      if (counts) this.measured.wall.push(this.#at.pushed - start);
    }
    await pause(400);
    const { user, system } = process.threadCpuUsage(before);
    if (counts) this.measured.cpu.push((user + system) / CHANGES);
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#bridge.close();
  }

  /** The client has what comes next, and its ACK has come: without a look every millisecond, which would be measured too. */
  #isThere(): Promise<void> {
    const at = this.#at;
    const { arrivals, acks } = at;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('not within 10 s: the change at the client')), 10_000);
      at.look = () => {
        if (at.arrivals === arrivals || at.acks === acks) return;
        clearTimeout(timer);
        at.look = () => undefined;
        resolve();
      };
    });
  }
}

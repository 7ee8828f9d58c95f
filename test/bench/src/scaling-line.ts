import { setTimeout as pause } from 'node:timers/promises';
import { EDS, RDS } from '@isthmus/xds';
import { InProcessBridge } from './in-process-bridge.ts';
import { ScriptedRegistry } from './scripted-registry.ts';
import { ScriptedRules } from './scripted-rules.ts';
import { waitFor } from './wait.ts';
import { XdsClient } from './xds-client.ts';

export const INSTANCES = 10;
/** In a round. */
export const CHANGES = 150;

/** What one bridge is. */
export interface LineSetup {
  readonly services: number;
  readonly transport: 'sotw' | 'delta';
  /** A VirtualService and a DestinationRule for each service, and a client that has listeners and routes too. */
  readonly rules: boolean;
}

export interface Measured extends LineSetup {
  /** µs a change, by round. */
  readonly cpu: number[];
  /** ms, by change. */
  readonly wall: number[];
  /** MB that V8's heap has more than before it was started, all of it read and served. */
  readonly heapMb: number;
}

interface Parts {
  readonly registry: ScriptedRegistry;
  readonly bridge: InProcessBridge;
  readonly client: XdsClient;
  readonly rules: ScriptedRules | undefined;
}

interface Seen {
  /** `performance.now()` of the last response. */
  pushed: number;
  arrivals: number;
  acks: number;
  /** Something arrived. */
  look: () => void;
}

/** One bridge of one size with its source and its client; several live in one process and take turns. */
export class Line {
  readonly measured: Measured;
  readonly #parts: Parts;
  readonly #at: Seen;
  #changes = 0;

  private constructor(measured: Measured, parts: Parts, at: Seen) {
    this.measured = measured;
    this.#parts = parts;
    this.#at = at;
  }

  static async start(setup: LineSetup): Promise<Line> {
    const { services, transport } = setup;
    const heapBefore = heapMb();
    const rules = setup.rules ? await ScriptedRules.write(services) : undefined;
    const registry = new ScriptedRegistry(services, INSTANCES);
    const at: Seen = { pushed: 0, arrivals: 0, acks: 0, look: () => undefined };
    const onXds = (event: { readonly kind: string; readonly type?: string }) => {
      if (event.type !== EDS) return;
      if (event.kind === 'pushed') at.pushed = performance.now();
      if (event.kind !== 'acked') return;
      at.acks += 1;
      at.look();
    };
    const sections = rules === undefined ? {} : { istio: { dir: rules.dir, namespace: 'default' } };
    const bridge = await InProcessBridge.start([registry.entry], { onXds }, [registry.kind], sections);
    registry.sayAll();
    await bridge.engine.readiness.ready;
    const endpoints = Array.from({ length: services }, (_, n) => registry.cluster(n));
    const client = new XdsClient({ port: bridge.port, transport, endpoints, routes: setup.rules });
    await waitFor('the client has all endpoints', () => client.endpoints === services, 600_000);
    if (rules !== undefined) await waitFor('the client has the routes', () => client.has(RDS) > 0, 600_000);
    client.onArrival(({ type }) => {
      if (type !== EDS) return;
      at.arrivals += 1;
      at.look();
    });
    await pause(2_000);
    const measured = { ...setup, cpu: [], wall: [], heapMb: heapMb() - heapBefore };
    return new Line(measured, { registry, bridge, client, rules }, at);
  }

  async round(counts: boolean): Promise<void> {
    globalThis.gc?.();
    await pause(400); // what the round before left to do: the ledger syncs every 250 ms
    const before = process.threadCpuUsage();
    for (let n = 0; n < CHANGES; n += 1) {
      const there = this.#isThere();
      const start = performance.now();
      this.#parts.registry.change((this.#changes * 7_919) % this.measured.services, 2 + (this.#changes % 5_000));
      this.#changes += 1;
      await there;
      if (counts) this.measured.wall.push(this.#at.pushed - start);
    }
    await pause(400);
    const { user, system } = process.threadCpuUsage(before);
    if (counts) this.measured.cpu.push((user + system) / CHANGES);
  }

  async close(): Promise<void> {
    await this.#parts.client.close();
    await this.#parts.bridge.close();
    await this.#parts.rules?.[Symbol.asyncDispose]();
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

function heapMb(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

import { Worker } from 'node:worker_threads';
import { EDS } from '@isthmus/xds';

export interface ClientSetup {
  readonly port: number;
  readonly transport: 'sotw' | 'delta';
  /** Names of endpoints to subscribe to; undefined: those of all clusters that it is told of. */
  readonly endpoints: readonly string[] | undefined;
  /** Decode what endpoints say, too: `Arrival.contents`. Default: names only. */
  readonly contents?: boolean;
  /** As a sidecar that intercepts, with all listeners and the routes of port 80. Default: endpoints and clusters only. */
  readonly routes?: boolean;
}

/** One response, as its bytes came. */
export interface Arrival {
  /** `monotonic()` */
  readonly at: number;
  readonly type: string;
  readonly names: readonly string[];
  readonly bytes: number;
  /** By cluster, `ip:port weight` of every endpoint, sorted. */
  readonly contents?: ReadonlyMap<string, readonly string[]>;
}

/** A subscriber in a thread of its own, so that it neither delays the bridge nor is delayed by it. */
export class XdsClient {
  readonly #worker: Worker;
  readonly #listeners = new Set<(arrival: Arrival) => void>();
  readonly #seen = new Map<string, Set<string>>();
  #failure: Error | undefined;

  constructor(setup: ClientSetup) {
    this.#worker = new Worker(new URL('./xds-client-worker.ts', import.meta.url), { workerData: setup });
    this.#worker.on('message', (arrival: Arrival) => {
      const seen = this.#seen.get(arrival.type) ?? new Set();
      this.#seen.set(arrival.type, seen);
      for (const name of arrival.names) seen.add(name);
      for (const listener of this.#listeners) listener(arrival);
    });
    this.#worker.on('error', (error: Error) => (this.#failure = error));
  }

  onArrival(listener: (arrival: Arrival) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Names of endpoints that it has got. */
  get endpoints(): number {
    return this.has(EDS);
  }

  /** Names of a type that it has got. */
  has(type: string): number {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#seen.get(type)?.size ?? 0;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

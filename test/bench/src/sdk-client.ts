import { Worker } from 'node:worker_threads';
import type { BenchRegistry, RegistryName } from './bench-registry.ts';

export interface SdkSetup {
  readonly registry: RegistryName;
  readonly port: number;
  readonly services: number;
}

/** What the SDK tells its application of one service; only when it differs from what it told before. */
export interface SdkNews {
  /** `monotonic()` */
  readonly at: number;
  readonly service: number;
  /** `ip:port` */
  readonly instances: readonly string[];
}

/** What a legacy service knows through its registry's own npm client, with that client's default timing. */
export class SdkClient {
  readonly #worker: Worker;
  readonly #known = new Map<number, SdkNews>();
  #failure: Error | undefined;

  constructor(registry: BenchRegistry, services: number) {
    const workerData: SdkSetup = { registry: registry.name, port: registry.port, services };
    this.#worker = new Worker(new URL('./sdk-client-worker.ts', import.meta.url), { workerData });
    this.#worker.on('message', (news: SdkNews) => void this.#known.set(news.service, news));
    this.#worker.on('error', (error: Error) => (this.#failure = error));
  }

  /** The last that it said. */
  lastOf(service: number): SdkNews | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#known.get(service);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

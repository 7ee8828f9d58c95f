import { EurekaRest } from './eureka-rest.ts';
import { wireInstance } from './wire-instance.ts';
import type { WireInstance } from './wire-instance.ts';

export interface EurekaLoadOptions {
  /** Base URL with its path: `http://127.0.0.1:8761/eureka`. */
  readonly url: string;
  /** `user:password`. */
  readonly account?: string;
  readonly services: number;
  readonly instances: number;
  /** Services are named `<prefix>-<n>`. Default `load`. */
  readonly prefix?: string;
}

/** Registers N × M instances with leases of an hour, so that nobody has to renew them, and changes single ones. */
export class EurekaLoad {
  readonly #options: EurekaLoadOptions;
  readonly #rest: EurekaRest;
  #generation = 0;

  constructor(options: EurekaLoadOptions) {
    this.#options = options;
    this.#rest = new EurekaRest(options.url, options.account);
  }

  /** Default heaps of a server hold about 20,000 instances; give it 768 MB for 100,000. */
  async registerAll(): Promise<void> {
    const { services, instances } = this.#options;
    const portion = Math.max(1, Math.floor(5_000 / instances));
    for (let from = 0; from < services; from += portion) {
      const list: WireInstance[] = [];
      for (let service = from; service < Math.min(services, from + portion); service += 1) {
        for (let n = 0; n < instances; n += 1) list.push(this.#instance(service, n));
      }
      await this.#rest.registerAll(list);
    }
  }

  /** New metadata `generation`, and `more`: a change that every reader has to see. @returns the new value. */
  async change(service: number, instance: number, more: Readonly<Record<string, string>> = {}): Promise<string> {
    this.#generation += 1;
    const generation = String(this.#generation);
    await this.#rest.register(this.#instance(service, instance, { generation, ...more }));
    return generation;
  }

  async deregister(service: number, instance: number): Promise<void> {
    const { app, address, port } = this.place(service, instance);
    await this.#rest.deregister(app, address, port);
  }

  /** Puts a deregistered instance back. */
  async register(service: number, instance: number): Promise<void> {
    await this.#rest.register(this.#instance(service, instance));
  }

  /** Where an instance of this load says that it listens. */
  place(service: number, instance: number): { readonly app: string; readonly address: string; readonly port: number } {
    const { instances, prefix = 'load' } = this.#options;
    const n = service * instances + instance;
    return { app: `${prefix}-${service}`, address: `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, port: 8_080 };
  }

  close(): void {
    this.#rest.close();
  }

  #instance(service: number, instance: number, more: Readonly<Record<string, string>> = {}): WireInstance {
    const { app, address, port } = this.place(service, instance);
    const metadata = { version: 'v1', zone: `az-${(instance % 3) + 1}`, 'management.port': String(port), ...more };
    return wireInstance(app, { address, port, metadata }, { leaseSeconds: 3_600 });
  }
}

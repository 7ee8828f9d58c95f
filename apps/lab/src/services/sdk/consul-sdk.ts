import Consul from 'consul';
import type { ServiceSettings } from '../settings.ts';
import type { Discovery, Instance, Registration } from './discovery.ts';
import { sdkLogger } from './sdk-logger.ts';

/** npm `consul` as services use it: an HTTP check that the agent runs, and a watch (blocking query) on those that are called. */
export class ConsulSdk implements Discovery, Registration {
  readonly #consul: Consul;
  readonly #settings: ServiceSettings;
  readonly #logger = sdkLogger('consul');
  readonly #entries = new Map<string, readonly unknown[]>();
  readonly #watches: { end(): void }[] = [];

  constructor(settings: ServiceSettings) {
    this.#settings = settings;
    this.#consul = new Consul({ host: settings.consul.host, port: settings.consul.port });
  }

  subscribe(service: string): void {
    const watch = this.#consul.watch({
      method: this.#consul.health.service,
      // `passing` is a boolean in the client's own types and a string in those of its watch.
      options: { service, passing: true } as unknown as Record<string, string>,
      backoffFactor: 100,
      backoffMax: 2_000,
    });
    let wasDown = false; // one line when Consul goes, not one for every attempt
    watch.on('change', (entries: unknown) => {
      wasDown = false;
      if (Array.isArray(entries)) this.#entries.set(service, entries);
    });
    watch.on('error', (error: Error) => {
      if (!wasDown) this.#logger.warn(`the watch on ${service} waits for Consul:`, error);
      wasDown = true;
    });
    this.#watches.push(watch);
  }

  instances(service: string): readonly Instance[] {
    return (this.#entries.get(service) ?? []).flatMap((entry) => {
      const instance = toInstance(entry as HealthEntry);
      return instance === undefined ? [] : [instance];
    });
  }

  async register(): Promise<void> {
    const { host, port, name, version } = this.#settings;
    await this.#consul.agent.service.register({
      name,
      id: this.#id,
      address: host,
      port,
      tags: [version],
      meta: { version },
      check: {
        name: 'http',
        http: `http://${host}:${port}/health`,
        interval: '2s',
        timeout: '1s',
        status: 'passing',
        deregistercriticalserviceafter: '1m',
      },
    });
  }

  async deregister(): Promise<void> {
    await this.#consul.agent.service.deregister(this.#id);
  }

  end(): void {
    for (const watch of this.#watches) watch.end();
  }

  get #id(): string {
    return `${this.#settings.name}-${this.#settings.port}`;
  }
}

/** The part of `/v1/health/service/:name` that is used; the client's own types say `any`. */
interface HealthEntry {
  readonly Node?: { readonly Address?: string };
  readonly Service?: {
    readonly Address?: string;
    readonly Port?: number;
    readonly Meta?: Readonly<Record<string, string>> | null;
    readonly Weights?: { readonly Passing?: number };
  };
}

function toInstance({ Node, Service }: HealthEntry): Instance | undefined {
  const host = Service?.Address || Node?.Address; // an empty service address means the node's
  if (host === undefined || host === '' || Service?.Port === undefined) return undefined;
  return { host, port: Service.Port, weight: Service.Weights?.Passing ?? 1, metadata: Service.Meta ?? {} };
}

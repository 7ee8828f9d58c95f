import { NacosNamingClient, type Host } from 'nacos';
import type { ServiceSettings } from '../settings.ts';
import type { Discovery, Instance, Registration } from './discovery.ts';
import { sdkLogger } from './sdk-logger.ts';

/**
 * npm `nacos` as services use it: registers an ephemeral instance that lives by its beats, and subscribes to those it calls.
 *
 * The client's first beat comes up to ten seconds after its start, whatever interval is asked for: a shorter
 * `preserved.heart.beat.timeout` would have every new instance dead before that.
 */
export class NacosSdk implements Discovery, Registration {
  readonly #client: NacosNamingClient;
  readonly #settings: ServiceSettings;
  readonly #hosts = new Map<string, readonly Host[]>();

  constructor(settings: ServiceSettings) {
    this.#settings = settings;
    this.#client = new NacosNamingClient({ logger: sdkLogger('nacos'), serverList: settings.nacos, namespace: 'public' });
  }

  async subscribe(service: string): Promise<void> {
    await this.#client.ready();
    // Named by hand: `subscribe` and `getAllInstances` have different default clusters, hence caches that disagree.
    this.#client.subscribe({ serviceName: service, groupName: 'DEFAULT_GROUP', clusters: 'DEFAULT' }, (hosts) => {
      this.#hosts.set(service, hosts);
    });
  }

  instances(service: string): readonly Instance[] {
    const hosts = this.#hosts.get(service) ?? [];
    return hosts
      .filter((host) => host.healthy && host.enabled && host.weight > 0)
      .map((host) => ({
        host: host.ip,
        port: host.port,
        weight: host.weight,
        metadata: (host.metadata ?? {}) as Record<string, string>,
      }));
  }

  async register(): Promise<void> {
    await this.#client.ready();
    await this.#client.registerInstance(this.#settings.name, this.#instance());
  }

  async deregister(): Promise<void> {
    await this.#client.deregisterInstance(this.#settings.name, this.#instance());
  }

  #instance() {
    const { host, port, weight, version } = this.#settings;
    const metadata = {
      version,
      'preserved.heart.beat.interval': '1000',
      'preserved.heart.beat.timeout': '12000',
      'preserved.ip.delete.timeout': '15000',
    };
    return { instanceId: '', ip: host, port, weight, metadata, healthy: true, enabled: true, ephemeral: true };
  }
}

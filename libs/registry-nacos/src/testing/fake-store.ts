/** What a fake Nacos knows; shapes as in the recorded payloads (testdata/in). */
export interface FakeInstance {
  readonly ip: unknown;
  readonly port: unknown;
  readonly weight?: unknown;
  readonly healthy?: boolean;
  readonly enabled?: boolean;
  readonly ephemeral?: boolean;
  readonly clusterName?: string;
  readonly metadata?: unknown;
}

export interface FakeServiceName {
  readonly namespace: string;
  readonly group: string;
  readonly name: string;
}

const idOf = (service: FakeServiceName) => `${service.namespace}@@${service.group}@@${service.name}`;

export interface InfoOptions {
  readonly healthyOnly?: boolean;
  /** The name as `GROUP@@name`, as over HTTP. */
  readonly grouped?: boolean;
  /** As asked for; only said back. */
  readonly clusters?: string;
}

export class FakeStore {
  readonly #services = new Map<string, { readonly service: FakeServiceName; instances: readonly FakeInstance[] }>();
  /** Below this share of healthy instances all are reported healthy; by service id. */
  readonly #thresholds = new Map<string, number>();
  readonly #generation: 2 | 3;
  #clock = Date.now();

  constructor(generation: 2 | 3) {
    this.#generation = generation;
  }

  /** A service whose list is empty stays listed, as in Nacos for a minute or two. */
  set(service: FakeServiceName, instances: readonly FakeInstance[]): void {
    this.#services.set(idOf(service), { service, instances });
  }

  get(service: FakeServiceName): readonly FakeInstance[] {
    return this.#services.get(idOf(service))?.instances ?? [];
  }

  /** The service is not even listed any more. */
  delete(service: FakeServiceName): void {
    this.#services.delete(idOf(service));
  }

  clear(): void {
    this.#services.clear();
  }

  protect(service: FakeServiceName, threshold: number): void {
    this.#thresholds.set(idOf(service), threshold);
  }

  services(namespace: string, group?: string): readonly FakeServiceName[] {
    return [...this.#services.values()]
      .map(({ service }) => service)
      .filter((service) => service.namespace === namespace && (group === undefined || service.group === group));
  }

  /** `serviceInfo` of an answer or push: disabled instances are left out, the threshold rewrites health. */
  info(service: FakeServiceName, options: InfoOptions = {}): Record<string, unknown> {
    const enabled = this.get(service).filter((instance) => instance.enabled !== false);
    const healthy = enabled.filter((instance) => instance.healthy !== false);
    const threshold = this.#thresholds.get(idOf(service)) ?? 0;
    const protection = enabled.length > 0 && healthy.length / enabled.length <= threshold && options.healthyOnly !== true;
    this.#clock = Math.max(this.#clock + 1, Date.now());
    return {
      name: options.grouped === true ? `${service.group}@@${service.name}` : service.name,
      groupName: service.group,
      clusters: options.clusters ?? '',
      cacheMillis: 10_000,
      hosts: (options.healthyOnly === true ? healthy : enabled).map((instance) => hostOf(service, instance, protection)),
      lastRefTime: this.#clock,
      checksum: '',
      [this.#generation === 2 ? 'allIPs' : 'allIps']: false,
      reachProtectionThreshold: protection,
      valid: true,
    };
  }
}

function hostOf(service: FakeServiceName, instance: FakeInstance, protection: boolean): Record<string, unknown> {
  const cluster = instance.clusterName ?? 'DEFAULT';
  return {
    instanceId: `${String(instance.ip)}#${String(instance.port)}#${cluster}#${service.group}@@${service.name}`,
    ip: instance.ip,
    port: instance.port,
    weight: 'weight' in instance ? instance.weight : 1,
    healthy: protection || instance.healthy !== false,
    enabled: true,
    ephemeral: instance.ephemeral !== false,
    clusterName: cluster,
    serviceName: `${service.group}@@${service.name}`,
    metadata: instance.metadata ?? {},
    instanceHeartBeatInterval: 5_000,
    instanceHeartBeatTimeOut: 15_000,
    ipDeleteTimeout: 30_000,
  };
}

/** A service instance as the fake keeps it. */
export interface FakeInstance {
  readonly node: string;
  readonly id: string;
  readonly service: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly status: 'passing' | 'warning' | 'critical';
  readonly maintenance: boolean;
  readonly meta: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly kind: string;
}

type Stored = FakeInstance & { readonly modified: number };

export interface FakeRead {
  readonly body: unknown;
  readonly filtered: boolean;
}

/** Consul's state store in miniature: one raft index, and the index of each table and service. */
export class FakeCatalog {
  readonly #instances = new Map<string, Stored>();
  readonly #ids = new Map<string, Set<string>>();
  readonly #serviceIndex = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  #raft = 10;
  #servicesIndex = 10;
  #checksIndex = 10;
  #scheduled = false;

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  put(given: Partial<FakeInstance> & { readonly service: string; readonly address: string; readonly port: number }): void {
    const id = given.id ?? `${given.service}-${given.address}-${given.port}`;
    const defaults = { node: 'node-1', weight: 1, status: 'passing', maintenance: false, meta: {}, tags: [], kind: '' } as const;
    const before = this.#instances.get(id);
    const next = { ...defaults, ...given, id };
    this.#raft += 1;
    this.#instances.set(id, { ...next, modified: this.#raft });
    this.#ids.set(next.service, (this.#ids.get(next.service) ?? new Set()).add(id));
    this.#bump(next.service, before?.status !== next.status || before?.maintenance !== next.maintenance);
  }

  delete(id: string): void {
    const found = this.#instances.get(id);
    if (found === undefined) return;
    this.#raft += 1;
    this.#instances.delete(id);
    this.#ids.get(found.service)?.delete(id);
    this.#bump(found.service, true);
  }

  find(service: string, address: string, port: number): FakeInstance | undefined {
    for (const id of this.#ids.get(service) ?? []) {
      const instance = this.#instances.get(id);
      if (instance?.address === address && instance.port === port) return instance;
    }
    return undefined;
  }

  /** `X-Consul-Index` of an answer. */
  index(what: string, name: string): number {
    if (what === 'catalog/services') return this.#servicesIndex;
    if (what === 'health/service') return this.#serviceIndex.get(name) ?? this.#servicesIndex;
    return what === 'health/state' ? this.#checksIndex : 10;
  }

  /** The body of an answer; `filtered` when something in it is not visible. */
  read(what: string, name: string, visible: (service: string) => boolean): FakeRead {
    if (what === 'catalog/nodes') return { body: [{ Node: 'node-1', Address: '127.0.0.1', ModifyIndex: 10 }], filtered: false };
    const ids = what === 'health/service' ? (this.#ids.get(name) ?? []) : this.#instances.keys();
    const all = [...ids].map((id) => this.#instances.get(id) as Stored);
    const seen = all.filter((instance) => visible(instance.service));
    const filtered = seen.length < all.length;
    if (what === 'health/service') return { body: seen.map(healthEntry), filtered };
    if (what === 'health/state') {
      return {
        body: seen.filter(({ status, maintenance }) => (maintenance ? 'critical' : status) === name).map(checkOf),
        filtered,
      };
    }
    const tags = new Map<string, readonly string[]>([['consul', []]]);
    for (const { service, tags: own } of seen) tags.set(service, [...new Set([...(tags.get(service) ?? []), ...own])]);
    return { body: Object.fromEntries(tags), filtered };
  }

  #bump(service: string, check: boolean): void {
    this.#servicesIndex = this.#raft;
    if (check) this.#checksIndex = this.#raft;
    this.#serviceIndex.set(service, this.#raft);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const listener of this.#listeners) listener();
    });
  }
}

function checkOf(instance: Stored): object {
  return {
    Node: instance.node,
    CheckID: instance.maintenance ? `_service_maintenance:${instance.id}` : `service:${instance.id}`,
    Status: instance.maintenance ? 'critical' : instance.status,
    ServiceID: instance.id,
    ServiceName: instance.service,
    ModifyIndex: instance.modified,
  };
}

function healthEntry(instance: Stored): object {
  return {
    Node: { Node: instance.node, Address: '127.0.0.1', Datacenter: 'dc1', Meta: { 'consul-network-segment': '' } },
    Service: {
      Kind: instance.kind,
      ID: instance.id,
      Service: instance.service,
      Tags: instance.tags,
      Address: instance.address,
      Meta: instance.meta,
      Port: instance.port,
      Weights: { Passing: instance.weight, Warning: 1 },
      ModifyIndex: instance.modified,
    },
    Checks: [{ Node: instance.node, CheckID: 'serfHealth', Status: 'passing', ServiceID: '' }, checkOf(instance)],
  };
}

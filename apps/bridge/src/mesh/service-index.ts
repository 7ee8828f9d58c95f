import type { MeshHost, MeshService, ServicePort } from '@isthmus/model';

/** A port of a service, and where an address serves it. */
export interface ServedPort {
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly targetPort: number;
}

/** The merged services, found by host and by the addresses of their instances. The work of a change is that of its service. */
export class ServiceIndex {
  readonly #services = new Map<MeshHost, MeshService>();
  readonly #hostsByAddress = new Map<string, Set<MeshHost>>();

  /** In no order. */
  all(): Iterable<MeshService> {
    return this.#services.values();
  }

  get(host: MeshHost): MeshService | undefined {
    return this.#services.get(host);
  }

  get size(): number {
    return this.#services.size;
  }

  /** What this IP is an instance of, whatever its health: a proxy serves its workload before the registry calls it healthy. */
  *ofAddress(ip: string): Iterable<ServedPort> {
    for (const host of this.#hostsByAddress.get(ip) ?? []) {
      const service = this.#services.get(host) as MeshService;
      const ports = new Map(service.ports.map((port) => [port.name, port]));
      for (const { endpoint, portName } of service.endpoints) {
        const port = ports.get(portName);
        if (endpoint.address === ip && port !== undefined) yield { service, port, targetPort: endpoint.port };
      }
    }
  }

  /** @returns what the host was before */
  set(host: MeshHost, service: MeshService | undefined): MeshService | undefined {
    const before = this.#services.get(host);
    if (service === undefined) this.#services.delete(host);
    else this.#services.set(host, service);
    const next = addressesOf(service);
    for (const address of addressesOf(before)) if (!next.has(address)) this.#forget(address, host);
    for (const address of next) this.#note(address, host);
    return before;
  }

  #note(address: string, host: MeshHost): void {
    const hosts = this.#hostsByAddress.get(address);
    if (hosts === undefined) this.#hostsByAddress.set(address, new Set([host]));
    else hosts.add(host);
  }

  #forget(address: string, host: MeshHost): void {
    const hosts = this.#hostsByAddress.get(address);
    hosts?.delete(host);
    if (hosts?.size === 0) this.#hostsByAddress.delete(address);
  }
}

function addressesOf(service: MeshService | undefined): ReadonlySet<string> {
  return new Set(service?.endpoints.map(({ endpoint }) => endpoint.address));
}

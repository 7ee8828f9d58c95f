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
  /** One host as it is: nearly every address has one, and a set for each would be most of the memory. */
  readonly #hostsByAddress = new Map<string, MeshHost | Set<MeshHost>>();

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
    const found = this.#hostsByAddress.get(ip) ?? [];
    for (const host of typeof found === 'string' ? [found] : found) {
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
    if (before !== service && !sameAddresses(before, service)) {
      const next = addressesOf(service);
      const known = addressesOf(before);
      for (const address of known) if (!next.has(address)) this.#forget(address, host);
      for (const address of next) if (!known.has(address)) this.#note(address, host);
    }
    return before;
  }

  #note(address: string, host: MeshHost): void {
    const hosts = this.#hostsByAddress.get(address);
    if (hosts === undefined) this.#hostsByAddress.set(address, host);
    else if (typeof hosts === 'string') this.#hostsByAddress.set(address, new Set([hosts, host]));
    else hosts.add(host);
  }

  #forget(address: string, host: MeshHost): void {
    const hosts = this.#hostsByAddress.get(address);
    if (hosts === host) this.#hostsByAddress.delete(address);
    if (hosts === undefined || typeof hosts === 'string') return;
    hosts.delete(host);
    if (hosts.size === 0) this.#hostsByAddress.delete(address);
  }
}

/** In the same order too, as they are when only weights or health changed. */
function sameAddresses(a: MeshService | undefined, b: MeshService | undefined): boolean {
  if (a === undefined || b === undefined || a.endpoints.length !== b.endpoints.length) return false;
  return a.endpoints.every(({ endpoint }, n) => endpoint.address === b.endpoints[n]?.endpoint.address);
}

function addressesOf(service: MeshService | undefined): ReadonlySet<string> {
  return new Set(service?.endpoints.map(({ endpoint }) => endpoint.address));
}

import { NOWHERE, addressKey } from '@isthmus/model';
import type { Endpoint, ServiceId, ServiceKey, ServiceRecord, Workload } from '@isthmus/model';
import { namesOf, ownershipName } from './ownership.ts';
import type { OwnershipRules } from './ownership.ts';

/** On a Pod: the port under which it is admitted, a number or the name of a container port. */
const PORT_ANNOTATION = 'isthmus.dev/port';

/** Ready Pods that a registry does not list yet may get traffic (opt-in). */
export interface AdmissionRule {
  /** True for the services that it is for. */
  matches(key: ServiceKey): boolean;
  /** Kubernetes namespaces whose Pods are admitted: `orders` of staging is not that of shop. */
  readonly namespaces: readonly string[];
  /** Number or name of the container port; undefined: the only one that the Pod declares. */
  readonly port: string | number | undefined;
}

/**
 * The endpoint that a Pod would be for a service, or undefined: it is not Ready, goes by another name, lives elsewhere, or
 * cannot be said to have one port. What the registry would have told (protocol, cluster) is taken from its siblings.
 */
export function admittedEndpoint(
  workload: Workload,
  record: ServiceRecord,
  rule: AdmissionRule,
  ownership: OwnershipRules,
): Endpoint | undefined {
  if (!workload.ready || workload.terminating || workload.hostNetwork) return undefined;
  if (!rule.namespaces.includes(workload.id.slice(0, workload.id.indexOf('/')))) return undefined;
  if (!namesOf(workload, ownership).includes(ownershipName(record.key.name))) return undefined;
  const port = portOf(workload, rule);
  const [address] = workload.addresses;
  if (port === undefined || address === undefined) return undefined;
  const sibling = record.endpoints[0];
  return {
    instanceId: `pod:${workload.id}`,
    address,
    addressType: 'ip',
    port,
    protocol: sibling?.protocol ?? 'http',
    weight: 1,
    health: 'healthy',
    locality: workload.locality.region === '' ? (sibling?.locality ?? NOWHERE) : workload.locality,
    labels: workload.labels,
    metadata: {},
    cluster: sibling?.cluster ?? '',
    network: sibling?.network ?? '',
    identity: '',
  };
}

function portOf(workload: Workload, rule: AdmissionRule): number | undefined {
  const wanted = workload.annotations[PORT_ANNOTATION] ?? rule.port;
  if (wanted === undefined) return workload.ports.length === 1 ? workload.ports[0]?.port : undefined;
  const number = Number(wanted);
  if (Number.isInteger(number) && number >= 1 && number <= 65_535) return number;
  return workload.ports.find(({ name }) => name === wanted)?.port;
}

/** Who is admitted where: at most one Pod per address and port of a service. */
export class Admissions {
  readonly #ofService = new Map<ServiceId, Map<string, { readonly endpoint: Endpoint; readonly pod: string }>>();
  readonly #servicesOf = new Map<string, Set<ServiceId>>();

  of(service: ServiceId): Iterable<Endpoint> {
    return (
      this.#ofService
        .get(service)
        ?.values()
        .map(({ endpoint }) => endpoint) ?? []
    );
  }

  get size(): number {
    return this.#ofService.values().reduce((sum, admitted) => sum + admitted.size, 0);
  }

  podsOf(service: ServiceId): readonly string[] {
    return [...(this.#ofService.get(service)?.values() ?? [])].map(({ pod }) => pod);
  }

  servicesOf(pod: string): readonly ServiceId[] {
    return [...(this.#servicesOf.get(pod) ?? [])];
  }

  /** Where a Pod is admitted for a service. */
  addressOf(service: ServiceId, pod: string): string | undefined {
    return this.#ofService
      .get(service)
      ?.values()
      .find((entry) => entry.pod === pod)?.endpoint.address;
  }

  /** Sets what a Pod is for a service. True when that changed something. */
  set(service: ServiceId, pod: string, endpoint: Endpoint | undefined): boolean {
    const admitted = this.#ofService.get(service) ?? new Map<string, { readonly endpoint: Endpoint; readonly pod: string }>();
    const before = admitted.entries().find(([, entry]) => entry.pod === pod);
    if (JSON.stringify(before?.[1].endpoint) === JSON.stringify(endpoint)) return false;
    if (before !== undefined) admitted.delete(before[0]);
    const services = this.#servicesOf.get(pod) ?? new Set();
    if (endpoint === undefined) services.delete(service);
    else {
      admitted.set(addressKey(endpoint), { endpoint, pod });
      services.add(service);
    }
    if (admitted.size === 0) this.#ofService.delete(service);
    else this.#ofService.set(service, admitted);
    if (services.size === 0) this.#servicesOf.delete(pod);
    else this.#servicesOf.set(pod, services);
    return true;
  }

  drop(service: ServiceId): void {
    for (const { pod } of this.#ofService.get(service)?.values() ?? []) {
      const services = this.#servicesOf.get(pod);
      services?.delete(service);
      if (services?.size === 0) this.#servicesOf.delete(pod);
    }
    this.#ofService.delete(service);
  }
}

import type { MeshHost, MeshService } from '@isthmus/model';
import {
  CLUSTER_TYPE,
  EGRESS_ROUTE,
  ENDPOINT_TYPE,
  ROUTE_TYPE,
  clusterResources,
  composeRoute,
  endpointResources,
  virtualHosts,
} from '@isthmus/translate';
import type { EncodedVirtualHost } from '@isthmus/translate';
import type { ResourceChange } from '@isthmus/xds';

/** In a long flush the route is composed this often, so that its first services need not wait for its last. */
const ROUTES_EVERY_MS = 100;

interface Published {
  /** What listeners, routes and clusters depend on; while it stays, a change is one of endpoints. */
  readonly shape: string;
  readonly clusters: readonly string[];
}

/**
 * Turns merged services into xDS resources, remembering per host just what is needed to take them away again.
 * An endpoint change encodes one ClusterLoadAssignment; only a new shape pays for clusters and the route.
 */
export class XdsPublisher {
  readonly #published = new Map<MeshHost, Published>();
  /** In the order of the route but for the hosts at the end, which came since it was composed. */
  #virtualHosts = new Map<MeshHost, readonly EncodedVirtualHost[]>();
  readonly #now: () => number;
  #routesChanged = true;
  /** Names of clusters that no host has any more. */
  readonly #left = new Set<string>();
  #routesAt = Number.NEGATIVE_INFINITY;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** What is new or changed. What goes waits for `routes`. */
  publish(host: MeshHost, service: MeshService | undefined): readonly ResourceChange[] {
    const before = this.#published.get(host);
    if (service === undefined) {
      if (before === undefined) return [];
      this.#published.delete(host);
      if (this.#virtualHosts.delete(host)) this.#routesChanged = true;
      for (const name of before.clusters) this.#left.add(name);
      return [];
    }
    const endpoints = endpointResources(service).map((resource) => ({ type: ENDPOINT_TYPE, name: resource.name, resource }));
    const shape = shapeOf(service);
    if (before?.shape === shape && service.resolution === 'static') return endpoints;

    const clusters = clusterResources(service);
    const names = clusters.map((cluster) => cluster.name);
    this.#published.set(host, { shape, clusters: names });
    this.#setVirtualHosts(host, virtualHosts(service));
    for (const name of before?.clusters ?? []) this.#left.add(name);
    for (const name of names) this.#left.delete(name); // it may have gone and come back before the route was composed
    // Names whose endpoints now live in the cluster itself (DNS) have no ClusterLoadAssignment any more.
    const inline = service.resolution === 'dns' ? names.map((name) => ({ type: ENDPOINT_TYPE, name, resource: undefined })) : [];
    return [...clusters.map((resource) => ({ type: CLUSTER_TYPE, name: resource.name, resource })), ...endpoints, ...inline];
  }

  /**
   * The route when hosts came or went since it was last composed, and what it no longer names: clusters are removed in
   * the same change as their routes, because only within one change can a stream put them in order (make before break).
   */
  routes(): readonly ResourceChange[] {
    const removals = [...this.#left].flatMap(gone);
    this.#left.clear();
    if (!this.#routesChanged) return removals;
    this.#routesChanged = false;
    this.#routesAt = this.#now();
    // Sorting what is nearly sorted costs a comparison a host: of 10,000 hosts a third of all there is to do here.
    this.#virtualHosts = new Map([...this.#virtualHosts].sort(([, a], [, b]) => (nameOf(a) < nameOf(b) ? -1 : 1)));
    const resource = composeRoute(EGRESS_ROUTE, [...this.#virtualHosts.values()].flat());
    return [{ type: ROUTE_TYPE, name: EGRESS_ROUTE, resource }, ...removals];
  }

  /** `routes` has something to say. */
  get hasRoutes(): boolean {
    return this.#routesChanged || this.#left.size > 0;
  }

  /** In the middle of a long flush: is it time to compose what there is? */
  get routesAreDue(): boolean {
    return this.hasRoutes && this.#now() - this.#routesAt >= ROUTES_EVERY_MS;
  }

  #setVirtualHosts(host: MeshHost, next: readonly EncodedVirtualHost[]): void {
    const before = this.#virtualHosts.get(host) ?? [];
    if (before.length === next.length && before.every((v, i) => v.version === next[i]?.version)) return;
    if (next.length === 0) this.#virtualHosts.delete(host);
    else this.#virtualHosts.set(host, next);
    this.#routesChanged = true;
  }
}

function nameOf(hosts: readonly EncodedVirtualHost[]): string {
  return hosts[0]?.name ?? '';
}

function shapeOf(service: MeshService): string {
  return `${service.resolution} ${service.ports.map((port) => port.name).join()}`;
}

function gone(name: string): readonly ResourceChange[] {
  return [
    { type: CLUSTER_TYPE, name, resource: undefined },
    { type: ENDPOINT_TYPE, name, resource: undefined },
  ];
}

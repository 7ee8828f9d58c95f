import type { MeshHost, MeshService } from '@isthmus/model';
import {
  CLUSTER_TYPE,
  EGRESS_ROUTE,
  ENDPOINT_TYPE,
  ROUTE_TYPE,
  clusterResources,
  composeRouteSteps,
  endpointResources,
  virtualHosts,
} from '@isthmus/translate';
import type { EncodedVirtualHost } from '@isthmus/translate';
import type { ResourceChange } from '@isthmus/xds';
import { VirtualHostList } from './virtual-host-list.ts';

/** In a long flush the route is composed this often, so that its first services need not wait for its last; */
const ROUTES_EVERY_MS = 100;
/** … but for at most a tenth of the time. */
const ROUTES_SHARE = 10;

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
  readonly #virtualHosts = new Map<MeshHost, readonly EncodedVirtualHost[]>();
  readonly #sorted = new VirtualHostList();
  readonly #now: () => number;
  #routesChanged = true;
  /** Names of clusters that no host has any more. */
  readonly #left = new Set<string>();
  #nextRoutesAt = Number.NEGATIVE_INFINITY;
  #composed: readonly ResourceChange[] = [];

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** What is new or changed. What goes waits for `routes`. */
  publish(host: MeshHost, service: MeshService | undefined): readonly ResourceChange[] {
    const before = this.#published.get(host);
    if (service === undefined) {
      if (before === undefined) return [];
      this.#published.delete(host);
      this.#setVirtualHosts(host, []);
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
   * Composes, in steps, the route when hosts came or went since the last time, and what it no longer names; `routes` then
   * has the result. Clusters are removed in the same change as their routes, because only within one change can a stream put
   * them in order (make before break). Nothing may be published in between.
   */
  *composeRoutes(): Generator<void> {
    const start = this.#now();
    const removals = [...this.#left].flatMap(gone);
    this.#left.clear();
    if (this.#routesChanged) {
      this.#routesChanged = false;
      const resource = yield* composeRouteSteps(EGRESS_ROUTE, this.#sorted.sorted);
      this.#composed = [{ type: ROUTE_TYPE, name: EGRESS_ROUTE, resource }, ...removals];
    } else this.#composed = removals;
    const end = this.#now();
    this.#nextRoutesAt = end + Math.max(ROUTES_EVERY_MS, (end - start) * ROUTES_SHARE);
  }

  /** What was composed since the last call. */
  routes(): readonly ResourceChange[] {
    const composed = this.#composed;
    this.#composed = [];
    return composed;
  }

  /** There is something to compose. */
  get hasRoutes(): boolean {
    return this.#routesChanged || this.#left.size > 0;
  }

  /** In the middle of a long flush: is it time to compose what there is? */
  get routesAreDue(): boolean {
    return this.hasRoutes && this.#now() >= this.#nextRoutesAt;
  }

  #setVirtualHosts(host: MeshHost, next: readonly EncodedVirtualHost[]): void {
    const before = this.#virtualHosts.get(host) ?? [];
    if (before.length === next.length && before.every((v, i) => v.version === next[i]?.version)) return;
    this.#sorted.replace(before, next);
    if (next.length === 0) this.#virtualHosts.delete(host);
    else this.#virtualHosts.set(host, next);
    this.#routesChanged = true;
  }
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

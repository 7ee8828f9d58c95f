import { hostMatches, isWildcardHost } from '@isthmus/model';
import type { MeshHost, MeshService, TypeUrl } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { LISTENER_TYPE, ROUTE_TYPE, grpcListener, grpcRouteResource, outboundName } from '@isthmus/translate';
import type { ProxyScope } from '@isthmus/translate';
import type { ResourceChange } from '@isthmus/xds';

interface Names {
  readonly listeners: readonly string[];
  readonly routes: readonly string[];
}

const NONE: Names = { listeners: [], routes: [] };

/**
 * What proxyless gRPC clients of a group dial: per service port a listener by each name that the service has for them, and a
 * route. Does nothing for other proxies.
 */
export class GrpcTargets {
  readonly #scope: ProxyScope;
  readonly #names = new Map<MeshHost, Names>();
  readonly #dirty = new Set<MeshHost>();

  constructor(scope: ProxyScope) {
    this.#scope = scope;
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  service(host: MeshHost, service: MeshService | undefined): void {
    if (!this.#scope.proxy.grpc) return;
    if (service !== undefined || this.#names.has(host)) this.#dirty.add(host);
  }

  /** A VirtualService, as it was or as it is. */
  rule({ spec }: IstioObject<'VirtualService'>): void {
    if (!this.#scope.proxy.grpc) return;
    for (const pattern of spec.hosts) {
      if (!isWildcardHost(pattern)) this.service(pattern as MeshHost, this.#scope.service(pattern as MeshHost));
      else for (const host of this.#names.keys()) if (hostMatches(pattern, host)) this.#dirty.add(host);
    }
  }

  /** What changed since the last call. */
  *changes(): Generator<void, readonly ResourceChange[]> {
    const changes: ResourceChange[] = [];
    for (const host of this.#dirty) {
      this.#dirty.delete(host);
      changes.push(...this.#changesOf(host));
      yield;
    }
    return changes;
  }

  #changesOf(host: MeshHost): readonly ResourceChange[] {
    const service = this.#scope.service(host);
    const before = this.#names.get(host) ?? NONE;
    const after = service === undefined ? NONE : this.#namesOf(service);
    if (after === NONE) this.#names.delete(host);
    else this.#names.set(host, after);
    return [
      ...gone(LISTENER_TYPE, before.listeners, after.listeners),
      ...gone(ROUTE_TYPE, before.routes, after.routes),
      ...after.listeners.map((name) => ({ type: LISTENER_TYPE, name, resource: grpcListener(this.#scope, name) })),
      ...after.routes.map((name) => ({ type: ROUTE_TYPE, name, resource: grpcRouteResource(this.#scope, name) })),
    ];
  }

  #namesOf({ host, ports }: MeshService): Names {
    const aliases = this.#aliasesOf(host);
    return {
      listeners: ports.flatMap(({ number }) => aliases.map((alias) => `${alias}:${number}`)),
      routes: ports.map(({ number }) => outboundName(host, number)),
    };
  }

  /** `orders.shop.svc.cluster.local` is also `orders.shop.svc`, `orders.shop` and `orders` to a client of namespace `shop`. */
  #aliasesOf(host: MeshHost): readonly string[] {
    const { dnsDomain } = this.#scope.proxy;
    if (!host.endsWith(`.${dnsDomain}`)) return [host];
    const own = host.slice(0, -dnsDomain.length - 1);
    const [namespace = '', svc = ''] = dnsDomain.split('.');
    return own.includes('.') ? [host] : [host, `${own}.${namespace}.${svc}`, `${own}.${namespace}`, own];
  }
}

function gone(type: TypeUrl, before: readonly string[], after: readonly string[]): readonly ResourceChange[] {
  return before.filter((name) => !after.includes(name)).map((name) => ({ type, name, resource: undefined }));
}

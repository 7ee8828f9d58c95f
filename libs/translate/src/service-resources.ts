import type { MeshHost, MeshService, Resource } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { ServerTLSSettings_TLSmode } from '@isthmus/proto/istio';
import { clusterVariant, clustersOf, sameClusters, sniDnatClusters } from './clusters.ts';
import { endpointVariant, endpointsOf, sameEndpoints, sniDnatEndpoints } from './endpoints.ts';
import type { ProxyScope } from './scope.ts';

type Variants = Map<string, readonly Resource[]>;
/** By rule object: the policy library gives the same one as long as nothing changed, and old ones go with their variants. */
type ByRule = WeakMap<object, Variants>;

interface Kept {
  service: MeshService;
  clusters: ByRule;
  endpoints: ByRule;
}

/** Stands for "no rule". */
const NO_RULE = {};

/**
 * The clusters and endpoints of services, each encoded once for all groups of proxies that see the same of it. What they
 * depend on: the service, its DestinationRule in the scope, and of the proxy what `clusterVariant` and `endpointVariant`
 * say. A change of endpoints leaves the clusters as they are.
 */
export class ServiceResources {
  /** By host and, since a Sidecar may let through some ports of a service only, by ports. */
  readonly #kept = new Map<MeshHost, Map<string, Kept>>();

  clusters(scope: Seen, service: MeshService): readonly Resource[] {
    const { proxy } = scope;
    const rule = scope.destinationRule(service.host);
    const variants = variantsOf(this.#of(service).clusters, rule);
    const own = remembered(variants, clusterVariant(service, rule, proxy), () => clustersOf(service, rule, proxy));
    if (!passesTlsThrough(scope)) return own;
    return remembered(variants, `${clusterVariant(service, rule, proxy)} sni`, () => [
      ...own,
      ...sniDnatClusters(service, rule, proxy),
    ]);
  }

  endpoints(scope: Seen, service: MeshService): readonly Resource[] {
    const { proxy } = scope;
    const rule = scope.destinationRule(service.host);
    const variants = variantsOf(this.#of(service).endpoints, rule);
    const own = remembered(variants, endpointVariant(service, rule, proxy), () => endpointsOf(service, rule, proxy));
    if (!passesTlsThrough(scope)) return own;
    return remembered(variants, `${endpointVariant(service, rule, proxy)} sni`, () => [
      ...own,
      ...sniDnatEndpoints(service, rule, proxy),
    ]);
  }

  /** The service is gone. */
  forget(host: MeshHost): void {
    this.#kept.delete(host);
  }

  #of(service: MeshService): Kept {
    let byPorts = this.#kept.get(service.host);
    if (byPorts === undefined) this.#kept.set(service.host, (byPorts = new Map()));
    const ports = service.ports.map(({ number }) => number).join();
    const kept = byPorts.get(ports);
    if (kept === undefined) {
      const fresh = { service, clusters: new WeakMap(), endpoints: new WeakMap() };
      byPorts.set(ports, fresh);
      return fresh;
    }
    if (kept.service === service) return kept;
    if (!sameClusters(kept.service, service)) kept.clusters = new WeakMap();
    if (!sameEndpoints(kept.service, service)) kept.endpoints = new WeakMap();
    kept.service = service;
    return kept;
  }
}

type Seen = Pick<ProxyScope, 'proxy' | 'destinationRule' | 'gateways'>;

function passesTlsThrough({ proxy, gateways }: Seen): boolean {
  if (proxy.kind !== 'router') return false;
  return gateways.some(({ spec }) => spec.servers.some(({ tls }) => tls?.mode === ServerTLSSettings_TLSmode.AUTO_PASSTHROUGH));
}

function variantsOf(byRule: ByRule, rule: IstioObject<'DestinationRule'> | undefined): Variants {
  const key = rule ?? NO_RULE;
  let variants = byRule.get(key);
  if (variants === undefined) byRule.set(key, (variants = new Map()));
  return variants;
}

function remembered(variants: Variants, key: string, make: () => readonly Resource[]): readonly Resource[] {
  let known = variants.get(key);
  if (known === undefined) variants.set(key, (known = make()));
  return known;
}

import type { MeshService, Resource } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { clusterVariant, clustersOf, endpointVariant, endpointsOf, sniDnatClusters, sniDnatEndpoints } from '@isthmus/translate';
import type { Proxy } from '@isthmus/translate';

type Rule = IstioObject<'DestinationRule'> | undefined;
type Made = Map<string, readonly Resource[]>;

/** Stands for "no rule" where only objects can be keys. */
const NO_RULE = {};

/**
 * Clusters and endpoints, made once for all groups that see the same of a service. What was made lives as long as the
 * service and the rule that it was made of.
 */
export class Translations {
  readonly #made = new WeakMap<MeshService, WeakMap<object, Made>>();

  /** @param passesTls also those that the SNI names at an AUTO_PASSTHROUGH gateway */
  clusters(service: MeshService, rule: Rule, proxy: Proxy, passesTls: boolean): readonly Resource[] {
    const key = `clusters ${clusterVariant(service, rule, proxy)}`;
    const clusters = this.#once(service, rule, key, () => clustersOf(service, rule, proxy));
    if (!passesTls) return clusters;
    return [...clusters, ...this.#once(service, rule, `dnat ${key}`, () => sniDnatClusters(service, rule, proxy))];
  }

  endpoints(service: MeshService, rule: Rule, proxy: Proxy, passesTls: boolean): readonly Resource[] {
    const key = `endpoints ${endpointVariant(service, rule, proxy)}`;
    const endpoints = this.#once(service, rule, key, () => endpointsOf(service, rule, proxy));
    if (!passesTls) return endpoints;
    return [...endpoints, ...this.#once(service, rule, `dnat ${key}`, () => sniDnatEndpoints(service, rule, proxy))];
  }

  #once(service: MeshService, rule: Rule, key: string, make: () => readonly Resource[]): readonly Resource[] {
    let byRule = this.#made.get(service);
    if (byRule === undefined) this.#made.set(service, (byRule = new WeakMap()));
    let made = byRule.get(rule ?? NO_RULE);
    if (made === undefined) byRule.set(rule ?? NO_RULE, (made = new Map()));
    let resources = made.get(key);
    if (resources === undefined) made.set(key, (resources = make()));
    return resources;
  }
}

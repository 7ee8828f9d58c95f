import type { MeshService, Resource } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { endpointVariant, endpointsOf, grpcClusters, localityVariant, outboundClusters } from '@isthmus/translate';
import type { Proxy } from '@isthmus/translate';
import { isIPv6 } from 'node:net';

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

  clusters(service: MeshService, rule: Rule, proxy: Proxy): readonly Resource[] {
    const families = proxy.addresses.map((address) => (isIPv6(address) ? 6 : 4)).join('');
    // Only clusters that carry their endpoints depend on who sees them, as far as the rule looks at it.
    const place = service.resolution === 'static' || rule === undefined ? '' : localityVariant(service, rule, proxy);
    return this.#once(service, rule, `clusters ${proxy.grpc ? 'grpc' : proxy.kind} ${families} ${place}`, () =>
      proxy.grpc ? grpcClusters(service, rule) : outboundClusters(service, rule, proxy, 'outbound'),
    );
  }

  endpoints(service: MeshService, rule: Rule, proxy: Proxy): readonly Resource[] {
    return this.#once(service, rule, `endpoints ${endpointVariant(service, rule, proxy)}`, () =>
      endpointsOf(service, rule, proxy),
    );
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

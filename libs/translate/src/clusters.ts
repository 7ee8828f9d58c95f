import type { MeshService, Resource } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { addressFamily } from './clusters/address-family.ts';
import { breaksCircuits } from './clusters/bare.ts';
import { grpcClusters } from './clusters/grpc-clusters.ts';
import { outboundClusters } from './clusters/outbound-clusters.ts';
import { localityVariant } from './endpoints.ts';
import { NO_DEFAULTS } from './scope.ts';
import type { Proxy } from './proxy.ts';
import type { ClusterDefaults } from './scope.ts';

type Rule = IstioObject<'DestinationRule'> | undefined;

/** The Clusters of a service: one per port, and one per port and subset of its DestinationRule. */
export function clustersOf(
  service: MeshService,
  rule: Rule,
  proxy: Proxy | undefined,
  mesh: ClusterDefaults = NO_DEFAULTS,
): readonly Resource[] {
  return proxy?.grpc === true ? grpcClusters(service, rule) : outboundClusters(service, rule, proxy, 'outbound', mesh);
}

/** For sidecars without rules: one Cluster per service port. */
export function clusterResources(service: MeshService): readonly Resource[] {
  return clustersOf(service, undefined, undefined);
}

/**
 * The clusters that the SNI names at an AUTO_PASSTHROUGH gateway, beside the others. TLS is the caller's own: they pass
 * it on as it is. Services outside the mesh have none.
 */
export function sniDnatClusters(
  service: MeshService,
  rule: Rule,
  proxy: Proxy,
  mesh: ClusterDefaults = NO_DEFAULTS,
): readonly Resource[] {
  return service.declared?.external === true ? [] : outboundClusters(service, rule, proxy, 'sni-dnat', mesh);
}

/** For callers whose own process breaks circuits, beside the others; none where the rule has nothing that breaks any. */
export function bareClusters(
  service: MeshService,
  rule: Rule,
  proxy: Proxy,
  mesh: ClusterDefaults = NO_DEFAULTS,
): readonly Resource[] {
  return proxy.grpc || !breaksCircuits(rule?.spec) ? [] : outboundClusters(service, rule, proxy, 'bare', mesh);
}

/** What of the proxy decides about the service's clusters: proxies with equal ones share every byte. */
export function clusterVariant(service: MeshService, rule: Rule, proxy: Proxy, mesh: ClusterDefaults = NO_DEFAULTS): string {
  if (proxy.grpc) return 'grpc';
  if (service.resolution === 'static') return '';
  if (service.resolution === 'none') return proxy.kind;
  return `${addressFamily(proxy)} ${localityVariant(service, rule, proxy, mesh)}`;
}

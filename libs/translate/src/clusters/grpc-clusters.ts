import { create, toBinary } from '@bufbuild/protobuf';
import { ClusterSchema, Cluster_DiscoveryType } from '@isthmus/proto/envoy';
import type { MeshService, Resource } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { outboundName } from '../names.ts';
import { resource } from '../resource.ts';
import { consistentHash } from './load-balancer.ts';
import { portPolicy, subsetPolicy } from './traffic-policy.ts';
import { isRefused } from './upstream-tls.ts';
import type { Policy } from './traffic-policy.ts';

/**
 * What proxyless gRPC understands of a Cluster: endpoints by EDS, ROUND_ROBIN (the default) or RING_HASH, and the
 * number of requests at once (gRFC A27, A32, A42). Any other balancer would be refused, so it is left out.
 */
export function grpcClusters(service: MeshService, rule: IstioObject<'DestinationRule'> | undefined): readonly Resource[] {
  return service.ports.flatMap((port) => {
    const whole = grpcCluster(outboundName(service.host, port.number), portPolicy(rule?.spec, port.number));
    if (rule === undefined) return whole;
    const { spec } = rule;
    const subsets = spec.subsets.flatMap((subset) =>
      grpcCluster(outboundName(service.host, port.number, subset.name), subsetPolicy(spec, subset, port.number)),
    );
    return [...whole, ...subsets];
  });
}

/** None where the rule wants TLS that cannot be had: a client without XdsCredentials would not look at it and send in clear (gRFC A29). */
function grpcCluster(name: string, policy: Policy | undefined): readonly Resource[] {
  if (isRefused(policy?.tls)) return [];
  const balancer = policy?.loadBalancer?.lbPolicy;
  const maxRequests = policy?.connectionPool?.http?.http2MaxRequests ?? 0;
  const cluster = create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { serviceName: name, edsConfig: { configSourceSpecifier: { case: 'ads', value: {} } } },
    ...(balancer?.case === 'consistentHash' && consistentHash(balancer.value)),
    ...(maxRequests > 0 && { circuitBreakers: { thresholds: [{ maxRequests }] } }),
  });
  return [resource(name, toBinary(ClusterSchema, cluster))];
}

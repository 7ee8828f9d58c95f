import type { TypeUrl } from '@isthmus/model';

export const CDS: TypeUrl = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
export const EDS: TypeUrl = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
export const LDS: TypeUrl = 'type.googleapis.com/envoy.config.listener.v3.Listener';
export const RDS: TypeUrl = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';

/** The types this server has resources of, in the order of pushes (xDS protocol, "Eventual consistency considerations"). */
export const PUSH_ORDER: readonly TypeUrl[] = [CDS, EDS, LDS, RDS];

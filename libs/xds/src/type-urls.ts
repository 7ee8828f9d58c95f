import type { TypeUrl } from '@isthmus/model';

export const CDS: TypeUrl = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
export const EDS: TypeUrl = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
export const LDS: TypeUrl = 'type.googleapis.com/envoy.config.listener.v3.Listener';
export const RDS: TypeUrl = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
/** Virtual hosts on demand, by `route/host`; nobody makes them yet, so every name is answered "no such". */
export const VHDS: TypeUrl = 'type.googleapis.com/envoy.config.route.v3.VirtualHost';
export const SDS: TypeUrl = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
/** Layers of Envoy's runtime. */
export const RTDS: TypeUrl = 'type.googleapis.com/envoy.service.runtime.v3.Runtime';

/**
 * The types of the Envoy and gRPC profile, in the order of pushes (xDS protocol, "Eventual consistency considerations").
 * Secrets last: what names them is warm only when it has them, so nothing waits for them in vain.
 */
export const PUSH_ORDER: readonly TypeUrl[] = [CDS, EDS, LDS, RDS, VHDS, SDS, RTDS];

import type { MeshHost, TypeUrl } from '@isthmus/model';

export const CLUSTER_TYPE: TypeUrl = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
export const ENDPOINT_TYPE: TypeUrl = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
export const LISTENER_TYPE: TypeUrl = 'type.googleapis.com/envoy.config.listener.v3.Listener';
export const ROUTE_TYPE: TypeUrl = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';

/** Istio's name of the route that an explicit egress listener uses (`HTTP_PROXY_PORT`). */
export const EGRESS_ROUTE = 'http_proxy';

/** Istio's cluster name, with an empty subset or one's name; the ClusterLoadAssignment has the same. */
export function outboundName(host: MeshHost, port: number, subset = ''): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** Beside `outboundName`, for calls whose own process breaks circuits: the same hosts, nothing ejected, nothing limited. */
export function bareName(host: MeshHost, port: number, subset = ''): string {
  return `outbound-bare|${port}|${subset}|${host}`;
}

/** The same where it has to be a host name: in the SNI that an AUTO_PASSTHROUGH gateway routes by. */
export function sniDnatName(host: MeshHost, port: number, subset = ''): string {
  return `outbound_.${port}_.${subset}_.${host}`;
}

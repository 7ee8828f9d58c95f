import { takesTraffic } from '@isthmus/model';
import type { Endpoint, MeshService } from '@isthmus/model';
import type { Policy } from './clusters/traffic-policy.ts';
import type { Proxy } from './proxy.ts';
import type { ClusterDefaults } from './scope.ts';
import { knownEndpoints, servingEndpoints } from './serving-endpoints.ts';

/**
 * Whether a proxy is told of unhealthy instances. Proxyless gRPC never is: it calls none of them either, but it divides calls among
 * localities by weights that count them, where Envoy takes off what is unhealthy.
 */
export function isToldOfUnhealthy(proxy: Proxy | undefined, { unhealthy }: ClusterDefaults): boolean {
  return unhealthy === 'send' && proxy?.grpc !== true;
}

/** The most of a port that any of its clusters may have; see `inCluster`. */
export function shownEndpoints(
  service: MeshService,
  portName: string,
  proxy: Proxy | undefined,
  mesh: ClusterDefaults,
): readonly Endpoint[] {
  return isToldOfUnhealthy(proxy, mesh) ? knownEndpoints(service, portName) : servingEndpoints(service, portName);
}

/**
 * As istiod does: where a rule wants Envoy to panic below a share of healthy hosts, it would call the unhealthy ones, so that they
 * stay away there. All other clusters have panic off.
 */
export function inCluster(
  endpoints: readonly Endpoint[],
  policy: Policy | undefined,
  { unhealthy }: ClusterDefaults,
): readonly Endpoint[] {
  if (unhealthy !== 'send') return endpoints;
  const panicsBelow = policy?.outlierDetection?.minHealthPercent ?? 0;
  return panicsBelow > 0 ? endpoints.filter(takesTraffic) : endpoints;
}

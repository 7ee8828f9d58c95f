import type { TypeUrl } from '@isthmus/model';
import { CDS, EDS, LDS, RDS, RTDS, SDS, VHDS } from './type-urls.ts';

/** One method: a bidirectional stream of encoded messages. */
export interface StreamMethod {
  readonly path: string;
  readonly transport: 'sotw' | 'delta';
  readonly onlyType: TypeUrl | undefined;
}

const ADS_SERVICE = 'envoy.service.discovery.v3.AggregatedDiscoveryService';

const AGGREGATED: readonly StreamMethod[] = [
  { path: `/${ADS_SERVICE}/StreamAggregatedResources`, transport: 'sotw', onlyType: undefined },
  { path: `/${ADS_SERVICE}/DeltaAggregatedResources`, transport: 'delta', onlyType: undefined },
];

export const ADS_METHODS: readonly StreamMethod[] = [
  ...AGGREGATED,
  ...singleType('envoy.service.cluster.v3.ClusterDiscoveryService', 'Clusters', CDS),
  ...singleType('envoy.service.endpoint.v3.EndpointDiscoveryService', 'Endpoints', EDS),
  ...singleType('envoy.service.listener.v3.ListenerDiscoveryService', 'Listeners', LDS),
  ...singleType('envoy.service.route.v3.RouteDiscoveryService', 'Routes', RDS),
  ...singleType('envoy.service.secret.v3.SecretDiscoveryService', 'Secrets', SDS),
  ...singleType('envoy.service.runtime.v3.RuntimeDiscoveryService', 'Runtime', RTDS),
  // On demand and therefore delta only; clusters on demand come by CDS.
  {
    path: '/envoy.service.route.v3.VirtualHostDiscoveryService/DeltaVirtualHosts',
    transport: 'delta',
    onlyType: VHDS,
  },
];

/** istiod speaks state of the world only; another bridge, which reads ours as a registry, takes deltas. */
export const MCP_METHODS: readonly StreamMethod[] = AGGREGATED;

function singleType(service: string, plural: string, type: TypeUrl): StreamMethod[] {
  return [
    { path: `/${service}/Stream${plural}`, transport: 'sotw', onlyType: type },
    { path: `/${service}/Delta${plural}`, transport: 'delta', onlyType: type },
  ];
}

import { hostWithin } from '@isthmus/model';
import type { MeshService, ServicePort } from '@isthmus/model';
import type { Chain } from '../listeners/chain.ts';
import { passedConnection } from '../listeners/connection-filters.ts';
import { sniDnatName } from '../names.ts';
import type { ProxyScope } from '../scope.ts';
import { serverNamesOf } from './server.ts';
import type { GatewayServer } from './server.ts';

/** What Istio's sidecars offer when they speak mutual TLS: nobody else gets through. */
const ISTIO_ALPN = ['istio', 'istio-peer-exchange', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'];

/**
 * Chains of a server that passes mutual TLS between networks: one for each port, and subset, of each service of the mesh that
 * the server's hosts cover, by the name that sidecars elsewhere ask for.
 */
export function autoPassthroughChains(scope: ProxyScope, server: GatewayServer): readonly Chain[] {
  const names = serverNamesOf(server);
  const services = [...new Set(scope.egress.flatMap((egress) => [...egress.services()]))];
  return services
    .filter(({ declared, host }) => declared?.external !== true && names.some((name) => hostWithin(host, name)))
    .flatMap((service) => service.ports.flatMap((port) => portChains(scope, service, port)));
}

function portChains(scope: ProxyScope, { host }: MeshService, port: ServicePort): readonly Chain[] {
  const rule = scope.destinationRule(host)?.spec;
  return ['', ...(rule?.subsets ?? []).map(({ name }) => name)].map((subset) => {
    const cluster = sniDnatName(host, port.number, subset);
    return {
      serverNames: [cluster],
      applicationProtocols: ISTIO_ALPN,
      filters: passedConnection(cluster, rule, subset, port),
    };
  });
}

import { TrafficDirection } from '@isthmus/proto/envoy';
import type { Diagnostic, Resource } from '@isthmus/model';
import { chainsForEnvoy, matchOf } from '../listeners/chain.ts';
import type { Chain } from '../listeners/chain.ts';
import { TLS_INSPECTOR } from '../listeners/inspectors.ts';
import { bindsOf } from '../listeners/ip-mode.ts';
import { HANDSHAKE_TIMEOUT, listenerResource, tlsSocket } from '../listeners/listener.ts';
import { socketAddress } from '../listeners/typed.ts';
import type { ProxyScope } from '../scope.ts';
import { whyNoTls } from './downstream-tls.ts';
import { gatewayChains } from './gateway-chains.ts';
import type { TakenNames } from './gateway-chains.ts';
import type { MergedGateways } from './merge.ts';
import { passesThrough } from './server.ts';

/**
 * A router's listeners, one for each port and address. They depend on its Gateways, on VirtualServices with tcp or tls routes
 * that are bound to these, and on the DestinationRules of where connections go; those of HTTP on the Gateways alone, those that
 * pass mutual TLS on by themselves on all services.
 */
export function gatewayListeners(scope: ProxyScope, merged: MergedGateways): readonly Resource[] {
  const listeners = new Map<string, { readonly bind: string; readonly port: number; readonly chains: Chain[] }>();
  const taken = new Map<number, TakenNames>();
  for (const port of merged.ports) {
    const bind = port.bind === '' ? bindsOf(scope.proxy).wildcards[0] : port.bind;
    const name = `${bind}_${port.number}`;
    const names = taken.get(port.number) ?? new Map<string, string>();
    taken.set(port.number, names);
    const listener = listeners.get(name) ?? { bind, port: port.number, chains: [] };
    listener.chains.push(...chainsForEnvoy(gatewayChains(scope, port, name, names)));
    listeners.set(name, listener);
  }
  return [...listeners].flatMap(([name, { bind, port, chains }]) => (chains.length > 0 ? [edge(name, bind, port, chains)] : []));
}

function edge(name: string, bind: string, port: number, chains: readonly Chain[]): Resource {
  const reads = chains.some(({ serverNames = [], tls }) => serverNames.length > 0 || tls !== undefined);
  return listenerResource({
    name,
    address: socketAddress(bind, port),
    trafficDirection: TrafficDirection.OUTBOUND,
    maxConnectionsToAcceptPerSocketEvent: 1,
    listenerFilters: reads ? [TLS_INSPECTOR] : [],
    filterChains: chains.map((chain) => {
      const match = matchOf(chain);
      return {
        ...(match && { filterChainMatch: match }),
        filters: [...chain.filters],
        ...(chain.tls && { transportSocket: tlsSocket(chain.tls) }),
        transportSocketConnectTimeout: HANDSHAKE_TIMEOUT,
      };
    }),
  });
}

/** Servers that cannot be served, with what to do; conflicts are in `MergedGateways`. */
export function gatewayDiagnostics(scope: ProxyScope): readonly Diagnostic[] {
  return scope.gateways.flatMap(({ spec, place }) =>
    spec.servers.flatMap(({ tls, port }) => {
      if (tls === undefined || passesThrough({ tls }) || tls.httpsRedirect) return [];
      const why = whyNoTls(tls);
      return why === undefined ? [] : [unsupported(place, port?.name ?? '', why)];
    }),
  );
}

function unsupported(where: string, server: string, why: string): Diagnostic {
  return {
    code: 'listener.unsupported',
    severity: 'error',
    where,
    what: `server ${server} is left out: ${why}`,
    meaning: 'nobody can connect to it through this router',
    remedy: 'name serverCertificate, privateKey and caCertificates: files on the router’s machine',
  };
}

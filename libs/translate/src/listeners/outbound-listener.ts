import { TrafficDirection } from '@isthmus/proto/envoy';
import { chainsForEnvoy, matchOf, matchesAll } from './chain.ts';
import type { Chain } from './chain.ts';
import { needsServerName } from './forward-proxy.ts';
import { HTTP_INSPECTOR, TLS_INSPECTOR } from './inspectors.ts';
import { HANDSHAKE_TIMEOUT, tlsSocket } from './listener.ts';
import type { ChainInit, ListenerInit } from './listener.ts';
import { socketAddress } from './typed.ts';
import type { Typed } from './typed.ts';

export interface OutboundListener {
  /** The first names it; the others are bound too. */
  readonly binds: readonly string[];
  readonly port: number;
  /** False: fed by the listener that iptables sends everything to. */
  readonly bindToPort: boolean;
  readonly chains: readonly Chain[];
  /** For what no chain matches; not asked where one matches everything. */
  readonly otherwise: () => readonly Typed[];
}

export function listenerName(address: string, port: number): string {
  return `${address}_${port}`;
}

export function outboundListener({ binds, port, bindToPort, chains: asked, otherwise }: OutboundListener): ListenerInit {
  const chains = chainsForEnvoy(asked);
  const [address = '', ...more] = binds;
  const needsName = chains.some(
    ({ serverNames = [], tls, filters }) => serverNames.length > 0 || tls !== undefined || needsServerName(filters),
  );
  const needsHttp = chains.some(({ applicationProtocols = [] }) => applicationProtocols.length > 0);
  const matching = chains.filter((chain) => !matchesAll(chain)).map(chainOf);
  // Chains that match everything are never two: `conflicts` has kept the first.
  const all = chains.filter(matchesAll).map(chainOf).at(-1);
  const [filterChains, defaultFilterChain] =
    matching.length === 0 && all !== undefined ? [[all], undefined] : [matching, all ?? passthrough(otherwise())];
  return {
    name: listenerName(address, port),
    address: socketAddress(address, port),
    additionalAddresses: more.map((extra) => ({ address: socketAddress(extra, port) })),
    trafficDirection: TrafficDirection.OUTBOUND,
    continueOnListenerFiltersTimeout: true,
    listenerFiltersTimeout: {},
    listenerFilters: [...(needsName ? [TLS_INSPECTOR] : []), ...(needsHttp ? [HTTP_INSPECTOR] : [])],
    filterChains,
    ...(defaultFilterChain && { defaultFilterChain }),
    ...(bindToPort ? { maxConnectionsToAcceptPerSocketEvent: 1 } : { bindToPort: false }),
  };
}

function chainOf(chain: Chain): ChainInit {
  const match = matchOf(chain);
  return {
    ...(match && { filterChainMatch: match }),
    filters: [...chain.filters],
    ...(chain.tls && { transportSocket: tlsSocket(chain.tls) }),
    transportSocketConnectTimeout: HANDSHAKE_TIMEOUT,
  };
}

function passthrough(filters: readonly Typed[]): ChainInit {
  return { name: 'PassthroughFilterChain', filterChainMatch: {}, filters: [...filters] };
}

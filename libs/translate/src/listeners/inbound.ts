import { TrafficDirection } from '@isthmus/proto/envoy';
import type { ProxyScope } from '../scope.ts';
import { BLACK_HOLE_CLUSTER, INBOUND_PORT, OUTBOUND_PORT } from './catch-all.ts';
import { PLAIN_HTTP } from './chain.ts';
import { plainConnection } from './connection-filters.ts';
import { inboundChain, inboundPassthrough } from './inbound-chain.ts';
import type { InboundPort } from './inbound-chain.ts';
import { HTTP_INSPECTOR, ORIGINAL_DST, ORIGINAL_SRC } from './inspectors.ts';
import { bindsOf } from './ip-mode.ts';
import type { ChainInit, ListenerInit } from './listener.ts';
import { socketAddress } from './typed.ts';

/**
 * What receives calls for the workload: `virtualInbound` behind iptables, and a listener of its own for each port of a Sidecar
 * that asks for one. Depends on the services that the proxy is an instance of, and on the Sidecar; on nothing else.
 */
export function inboundListeners(scope: ProxyScope): readonly ListenerInit[] {
  const { interception } = scope.proxy;
  if (interception === 'explicit') return [];
  const ports = inboundPorts(scope);
  const bound = ports.filter(({ bindToPort }) => bindToPort).map(ownListener);
  if (interception === 'none') return bound;
  const behind = ports.filter(({ bindToPort }) => !bindToPort).map(inboundChain);
  return [virtualInbound(scope, behind), ...bound];
}

/** By target port; a Sidecar's ingress listeners replace those of the services. */
function inboundPorts(scope: ProxyScope): readonly InboundPort[] {
  const ingress = scope.sidecar?.spec.ingress ?? [];
  const found = new Map<number, InboundPort>();
  for (const port of ingress.length > 0 ? sidecarPorts(scope) : servicePorts(scope)) {
    if (!found.has(port.targetPort)) found.set(port.targetPort, port);
  }
  return [...found.values()].sort((a, b) => a.targetPort - b.targetPort);
}

function servicePorts(scope: ProxyScope): readonly InboundPort[] {
  // Without iptables nothing brings calls here, and the application has its port itself.
  if (scope.proxy.interception === 'none') return [];
  const [bind, ...moreBinds] = bindsOf(scope.proxy).wildcards;
  return scope.own
    .filter(({ targetPort }) => !isReserved(targetPort))
    .map(({ service, port, targetPort }) => ({
      targetPort,
      servicePort: port.number,
      protocol: port.protocol,
      host: service.host,
      bind,
      moreBinds,
      bindToPort: false,
    }));
}

function sidecarPorts({ sidecar, proxy }: ProxyScope): readonly InboundPort[] {
  if (sidecar === undefined) return [];
  return sidecar.spec.ingress.flatMap((listener) => {
    const { port, bind, captureMode } = listener;
    if (port === undefined) return [];
    const binds = bind === '' ? sidecarBinds(proxy.addresses, bindsOf(proxy).wildcards) : [bind];
    return [
      {
        targetPort: port.number,
        servicePort: port.number,
        protocol: port.protocol.toLowerCase(),
        host: `${sidecar.name}.${proxy.namespace}`,
        bind: binds[0] ?? '',
        moreBinds: binds.slice(1),
        bindToPort: CAPTURE[captureMode] ?? proxy.interception === 'none',
      },
    ];
  });
}

/** DEFAULT is as the proxy has it; IPTABLES: no; NONE: yes. */
const CAPTURE: Readonly<Record<number, boolean>> = { 1: false, 2: true };

/** The workload's own address rather than all of the machine's. */
function sidecarBinds(addresses: readonly string[], wildcards: readonly string[]): readonly string[] {
  const own = addresses.find((address) => !/^(?:127\.|169\.254\.|22[4-9]\.|23\d\.|0\.|::1?$|fe[89ab]|ff)/i.test(address));
  return own === undefined ? wildcards : [own];
}

function isReserved(port: number): boolean {
  return port === INBOUND_PORT || port === OUTBOUND_PORT;
}

function virtualInbound(scope: ProxyScope, chains: readonly ChainInit[]): ListenerInit {
  const blackHole: ChainInit = {
    name: 'virtualInbound-blackhole',
    filterChainMatch: { destinationPort: INBOUND_PORT },
    filters: [...plainConnection(BLACK_HOLE_CLUSTER)],
  };
  const all = [blackHole, ...inboundPassthrough(), ...chains];
  const tproxy = scope.proxy.interception === 'tproxy';
  return {
    ...listener('virtualInbound', bindsOf(scope.proxy).wildcards[0], INBOUND_PORT, all),
    ...(tproxy && { transparent: true }),
    listenerFilters: [ORIGINAL_DST, ...(tproxy ? [ORIGINAL_SRC] : []), ...httpInspector(all)],
  };
}

function ownListener(port: InboundPort): ListenerInit {
  const chains = [inboundChain(port)];
  return {
    ...listener(`${port.bind}_${port.targetPort}`, port.bind, port.targetPort, chains),
    listenerFilters: httpInspector(chains),
  };
}

function listener(name: string, address: string, port: number, filterChains: readonly ChainInit[]): ListenerInit {
  return {
    name,
    address: socketAddress(address, port),
    trafficDirection: TrafficDirection.INBOUND,
    continueOnListenerFiltersTimeout: true,
    listenerFiltersTimeout: {},
    maxConnectionsToAcceptPerSocketEvent: 1,
    filterChains: [...filterChains],
  };
}

/** Only on ports where HTTP has to be told from the rest: the inspector waits for the caller's first bytes. */
function httpInspector(chains: readonly ChainInit[]): NonNullable<ListenerInit['listenerFilters']> {
  const ports = new Map<number, boolean>();
  for (const { filterChainMatch } of chains) {
    const port = filterChainMatch?.destinationPort ?? 0;
    const needed = filterChainMatch?.applicationProtocols?.some((protocol) => PLAIN_HTTP.includes(protocol)) ?? false;
    ports.set(port, (ports.get(port) ?? false) || needed);
  }
  if (![...ports.values()].includes(true)) return [];
  const without = [...ports].flatMap(([port, needed]) => (needed ? [] : [port])).sort((a, b) => a - b);
  if (without.length === 0) return [HTTP_INSPECTOR];
  const rules = without.map((port) => ({
    rule: { case: 'destinationPortRange' as const, value: { start: port, end: port + 1 } },
  }));
  const [only] = rules;
  const filterDisabled =
    rules.length === 1 && only !== undefined ? only : { rule: { case: 'orMatch' as const, value: { rules } } };
  return [{ ...HTTP_INSPECTOR, filterDisabled }];
}

import { ANYWHERE, listenerPlaces, serviceAddresses } from '@isthmus/model';
import type { ListenerPlace, MeshService } from '@isthmus/model';
import type { EgressScope, ProxyScope } from '../scope.ts';
import { INBOUND_PORT, OUTBOUND_PORT, unknownDestination } from './catch-all.ts';
import { PLAIN_HTTP, RAW, matchKey } from './chain.ts';
import type { Chain } from './chain.ts';
import type { ConnectionPort } from './connection-filters.ts';
import { forwardProxyFilter } from './forward-proxy.ts';
import { httpManager } from './http-manager.ts';
import { instancesOf } from './instances.ts';
import { bindsOf } from './ip-mode.ts';
import type { Binds } from './ip-mode.ts';
import type { ListenerInit } from './listener.ts';
import { listenerName, outboundListener } from './outbound-listener.ts';
import { shapeOf } from './protocol.ts';
import { connectionChains } from './service-chains.ts';

/** A listener in the making: several services may share an address and a port. */
interface Entry {
  readonly binds: readonly string[];
  readonly bindToPort: boolean;
  chains: readonly Chain[];
  /** Protocol of the first; `auto` where HTTP is told from TCP by looking at it. */
  protocol: string;
  /** Made by a Sidecar's listener with a port: what only happens to have that port stays out. */
  locked: boolean;
}

/** One service on one address and port. */
interface Wanted {
  readonly scope: ProxyScope;
  readonly egress: EgressScope;
  readonly service: MeshService;
  readonly port: ConnectionPort;
  readonly address: string;
  /** Empty: as the protocol has it. */
  readonly binds: readonly string[];
  readonly bindToPort: boolean;
}

/** Where there may be listeners: see `outboundListeners`. */
export function* outboundPlaces(scope: ProxyScope): Generator<ListenerPlace> {
  for (const egress of scope.egress) {
    if (egress.port !== undefined) yield egress.port.number;
    else for (const service of egress.servicesOfNow()) yield* listenerPlaces(service);
  }
}

/**
 * The listeners of one place: of a port, all that are not at an address of one service; else that one. They depend on the
 * services there, in their order; on VirtualServices with tcp or tls routes for these; on the DestinationRules of where
 * connections go; on the Sidecar.
 */
export function outboundListeners(scope: ProxyScope, place: ListenerPlace): readonly ListenerInit[] {
  const entries = new Map<string, Entry>();
  const own = bindsOf(scope.proxy);
  const port = typeof place === 'number' ? place : Number(place.slice(place.lastIndexOf('_') + 1));
  for (const egress of scope.egress) {
    if (egress.port !== undefined) {
      if (egress.port.number === port) addListener(entries, scope, egress, own);
      continue;
    }
    for (const entry of entries.values()) entry.locked = true;
    addServices(entries, scope, egress, place, port, own);
  }
  // A Sidecar that has a listener on the port decides about all that is on it: they are made together.
  if (typeof place === 'string' && !hasPlaces(scope, port)) return [];
  return [...entries.values()].map((entry) => outboundListener({ ...entry, port, otherwise: () => unknownDestination(scope) }));
}

/**
 * Names of listeners at the proxy's own address that the others have, because they dial it there: a service without an address is
 * listened for at those of its instances. Here each would catch what the workload sends to itself, so the proxy has none of them.
 */
export function selfListenerNames({ proxy, own }: ProxyScope): ReadonlySet<string> {
  const [address] = proxy.addresses;
  if (address === undefined || (proxy.interception !== 'redirect' && proxy.interception !== 'tproxy')) return new Set();
  const caught = own.filter(
    ({ service, port }) =>
      service.resolution === 'none' &&
      shapeOf(port.protocol) === 'tcp' &&
      serviceAddresses(service).includes(ANYWHERE) &&
      instancesOf(service, port.name).includes(address),
  );
  return new Set(caught.map(({ port }) => listenerName(address, port.number)));
}

/** Whether listeners at addresses of services can be made one by one. */
function hasPlaces(scope: ProxyScope, port: number): boolean {
  return scope.egress.every((egress) =>
    egress.port === undefined ? bindingOf(scope, egress, LOCAL).binds.length === 0 : egress.port.number !== port,
  );
}

const LOCAL: Binds = { wildcards: [''], localHosts: [''] };

function addServices(
  entries: Map<string, Entry>,
  scope: ProxyScope,
  egress: EgressScope,
  place: ListenerPlace,
  port: number,
  own: Binds,
): void {
  if (!hasPlaces(scope, port)) {
    for (const service of egress.servicesOn(port)) addService(entries, scope, egress, service, port, own, undefined);
  } else if (typeof place === 'number') {
    for (const service of egress.sharedOn(port)) addService(entries, scope, egress, service, port, own, isShared);
  } else {
    const there = place.slice(0, place.lastIndexOf('_'));
    for (const service of egress.servicesAt(place)) {
      addService(entries, scope, egress, service, port, own, (address) => address === there);
    }
  }
}

/** Not the address of one service. */
function isShared(address: string): boolean {
  return address === ANYWHERE || address.includes('/');
}

/** A Sidecar's listener has its port and protocol, whatever those of the services behind it. */
function addListener(entries: Map<string, Entry>, scope: ProxyScope, egress: EgressScope, own: Binds): void {
  if (egress.port === undefined) return;
  const port = { number: egress.port.number, protocol: egress.port.protocol.toLowerCase() };
  for (const service of egress.services()) {
    for (const address of serviceAddresses(service)) {
      add(entries, { scope, egress, service, port, address, ...bindingOf(scope, egress, own) }, own);
    }
  }
}

function addService(
  entries: Map<string, Entry>,
  scope: ProxyScope,
  egress: EgressScope,
  service: MeshService,
  number: number,
  own: Binds,
  wanted: ((address: string) => boolean) | undefined,
): void {
  const port = service.ports.find((p) => p.number === number);
  if (port === undefined) return;
  const { binds, bindToPort } = bindingOf(scope, egress, own);
  const at = { scope, egress, service, port, bindToPort };
  const http = shapeOf(port.protocol) === 'http'; // at no address, so it does not matter which it has
  for (const address of serviceAddresses(service)) {
    if (!http && wanted?.(address) === false) continue;
    const dialled = service.resolution === 'none' && address === ANYWHERE && binds.length === 0 && !http;
    const instances = dialled ? instancesOf(service, port.name) : [];
    if (instances.length === 0 && !(dialled && service.declared?.selects === true)) add(entries, { ...at, address, binds }, own);
    // Its own address would catch what it sends to itself.
    for (const instance of instances) {
      if (instance !== scope.proxy.addresses[0]) add(entries, { ...at, address, binds: [instance] }, own);
    }
  }
}

function bindingOf({ proxy }: ProxyScope, { bind, captureMode }: EgressScope, own: Binds): Pick<Wanted, 'binds' | 'bindToPort'> {
  const bindToPort = proxy.interception === 'none' || captureMode === 'none' || bind.startsWith('unix://');
  return { bindToPort, binds: bind !== '' ? [bind] : bindToPort ? own.localHosts : [] };
}

function add(entries: Map<string, Entry>, wanted: Wanted, own: Binds): void {
  const { port, bindToPort } = wanted;
  const shape = shapeOf(port.protocol);
  if (shape === undefined || isReserved(wanted, shape, own)) return;
  const { binds, destinations } = shape === 'http' ? httpBinding(wanted, own) : tcpBinding(wanted, own);
  const bind = binds[0] ?? own.wildcards[0];
  const entry = entries.get(bind);
  if (entry?.locked === true) return;
  if (port.protocol === 'http_proxy') {
    entries.set(bind, { binds, bindToPort, chains: [httpChain(wanted, bind)], protocol: 'http_proxy', locked: false });
    return;
  }
  if (shape === 'http') {
    if (entry !== undefined && (!isTcp(entry.protocol) || isServerFirst(port.protocol, entry.protocol))) return;
    const sniffed = bind === own.wildcards[0];
    const chain = httpChain(wanted, bind);
    const chains = [sniffed ? { ...chain, applicationProtocols: PLAIN_HTTP, transportProtocol: RAW } : chain];
    if (entry === undefined)
      entries.set(bind, { binds, bindToPort, chains, protocol: sniffed ? 'auto' : port.protocol, locked: false });
    else merge(entry, chains, 'auto');
    return;
  }
  if (entry !== undefined && isServerFirst(port.protocol, entry.protocol)) return;
  const { scope, service, address, egress } = wanted;
  const chains = connectionChains({ scope, service, port, bind, address, destinations, rules: egress.virtualServices() });
  if (entry === undefined) entries.set(bind, { binds, bindToPort, chains, protocol: port.protocol, locked: false });
  else merge(entry, chains, shapeOf(entry.protocol) === 'http' ? 'auto' : entry.protocol);
}

function isTcp(protocol: string): boolean {
  return protocol !== 'auto' && shapeOf(protocol) === 'tcp';
}

/** In these the server speaks first: a listener that waits for the caller's first bytes would wait for ever. */
function isServerFirst(incoming: string, existing: string): boolean {
  const first = (protocol: string): boolean => protocol === 'mongo' || protocol === 'mysql';
  return incoming !== existing && (first(incoming) || first(existing));
}

/** The first of two chains that match the same stays: Envoy would reject both. */
function merge(entry: Entry, incoming: readonly Chain[], protocol: string): void {
  const chains = [...entry.chains];
  const keys = new Set(chains.map(matchKey));
  for (const chain of incoming) {
    const key = matchKey(chain);
    if (keys.has(key)) continue;
    keys.add(key);
    chains.push(chain);
  }
  entry.chains = chains;
  entry.protocol = protocol;
}

function httpBinding(
  { binds }: Wanted,
  own: Binds,
): { readonly binds: readonly string[]; readonly destinations: readonly string[] } {
  return { binds: binds.length === 0 ? own.wildcards : binds, destinations: [] };
}

function tcpBinding({ binds, address }: Wanted, own: Binds): ReturnType<typeof httpBinding> {
  if (binds.length > 0) return { binds, destinations: [] };
  if (address.includes('/')) return { binds: own.wildcards, destinations: [address] };
  return { binds: address === ANYWHERE ? own.wildcards : [address], destinations: [] };
}

/** The ports that iptables redirects to are the proxy's own. */
function isReserved({ port, binds }: Wanted, shape: 'http' | 'tcp', own: Binds): boolean {
  if (port.number !== OUTBOUND_PORT && port.number !== INBOUND_PORT) return false;
  return binds.length > 0 ? binds[0] === own.wildcards[0] : shape === 'http';
}

function httpChain({ scope, service, port }: Wanted, bind: string): Chain {
  const route = port.number === 0 ? bind : `${port.number}`;
  return {
    filters: [
      httpManager({
        statPrefix: `outbound_${bind}_${port.number}`,
        route,
        grpcWeb: port.protocol === 'grpc-web',
        last: forwardProxyFilter(service, scope.proxy),
      }),
    ],
  };
}

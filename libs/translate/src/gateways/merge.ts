import type { Diagnostic } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { compareText } from '../ordered.ts';
import type { RouteServer } from '../routes/gateway-route.ts';
import type { OwnPort } from '../scope.ts';
import { isHttp, isTlsServer, serverOf, speaksHttp } from './server.ts';
import type { GatewayServer } from './server.ts';

/** Servers that share one listener; with a plain protocol all of them share its one route. */
export interface MergedPort {
  readonly number: number;
  /** Of the first server. */
  readonly protocol: string;
  /** Empty: all addresses. */
  readonly bind: string;
  readonly route: string;
  readonly servers: readonly GatewayServer[];
}

export interface MergedGateways {
  readonly ports: readonly MergedPort[];
  /** Every route that a listener asks for, and whose hosts it has. */
  readonly routes: ReadonlyMap<string, readonly RouteServer[]>;
  /** Servers that are left out. */
  readonly diagnostics: readonly Diagnostic[];
}

interface Draft {
  readonly number: number;
  readonly protocol: string;
  readonly bind: string;
  route: string;
  readonly servers: GatewayServer[];
}

/** What is known of a port while Gateways are gone through. */
interface Known {
  /** The first server in clear text decides what else may share its port and address. */
  plain: Draft | undefined;
  /** TLS hosts that are taken, with the address of whom. */
  readonly hosts: Map<string, string>;
  /** Addresses of servers with TLS. */
  readonly tlsBinds: Set<string>;
}

/**
 * All servers that apply to one router, port by port, as Istio joins them: servers in clear text share a listener and a route if all
 * of them speak HTTP; those with TLS share a listener, told apart by the name that the client asks for; what contradicts an older
 * one is left out. @param gateways the older first
 */
export function mergeGateways(gateways: readonly IstioObject<'Gateway'>[], own: readonly OwnPort[]): MergedGateways {
  const drafts = new Map<string, Draft>();
  const known = new Map<number, Known>();
  const routes = new Map<string, GatewayServer[]>();
  const diagnostics: Diagnostic[] = [];
  for (const gateway of gateways) {
    for (const spec of gateway.spec.servers) {
      if (spec.port === undefined) continue;
      const server = serverOf(gateway, spec, targetPort(spec.port.number, own));
      const refused = place(server, drafts, known, routes);
      if (refused !== undefined) diagnostics.push(conflict(gateway, server, refused));
    }
  }
  return {
    ports: [...drafts.values()],
    routes: new Map([...routes].map(([name, servers]) => [name, servers.map(routeServer)])),
    diagnostics,
  };
}

/** @returns why it is left out */
function place(
  server: GatewayServer,
  drafts: Map<string, Draft>,
  known: Map<number, Known>,
  routes: Map<string, GatewayServer[]>,
): string | undefined {
  const { listenerPort, protocol, route } = server;
  const { bind, tls } = server.spec;
  const first = !known.has(listenerPort);
  const port = known.get(listenerPort) ?? { plain: undefined, hosts: new Map<string, string>(), tlsBinds: new Set<string>() };
  if (tls !== undefined) {
    const taken = claim(server.hosts, bind, port.hosts);
    if (taken !== undefined) return taken;
  }
  known.set(listenerPort, port);
  const key = `${listenerPort} ${protocol} ${bind}`;
  const join = (): Draft => {
    const there = drafts.get(key);
    there?.servers.push(server);
    const draft = there ?? { number: listenerPort, protocol, bind, route, servers: [server] };
    drafts.set(key, draft);
    return draft;
  };
  if (first || (port.plain === undefined && !isTlsServer(server))) {
    drafts.delete(key);
    const draft = join();
    if (!isTlsServer(server)) port.plain = draft;
    if (speaksHttp(server)) routes.set(route, [server]);
    return undefined;
  }
  const { plain } = port;
  if (plain !== undefined) {
    const same = plain.bind === bind;
    if (same && !(isHttp(plain.protocol) && (isHttp(protocol) || protocol === plain.protocol)))
      return `another server has port ${listenerPort} already, with protocol ${plain.protocol.toUpperCase()}`;
    if (same && route === '') return `port ${listenerPort} is another server's`;
    const isNew = !same && !drafts.has(key);
    if (same) plain.servers.push(server);
    else {
      const draft = join();
      draft.route = route;
      // As istiod: what comes after is compared with the last address that was new.
      if (isNew && !isTlsServer(server)) port.plain = draft;
    }
    if (speaksHttp(server)) routes.set(route, [...(isNew ? [] : (routes.get(route) ?? [])), server]);
    return undefined;
  }
  if (speaksHttp(server)) {
    if (routes.has(route)) return `another server of this Gateway has the port name "${server.spec.port?.name}"`;
    routes.set(route, [server]);
  }
  port.tlsBinds.add(bind);
  join();
  return undefined;
}

/** Takes hosts for a TLS server, or says which one is another's: Envoy rejects two chains with the same match. */
function claim(hosts: readonly string[], bind: string, taken: Map<string, string>): string | undefined {
  const twice = hosts.filter((host) => taken.get(host) === bind);
  if (twice.length > 0) return `another server with TLS on this port has the host ${twice.join(', ')} already`;
  for (const host of hosts) taken.set(host, bind);
  return undefined;
}

const NO_TRANSLATION = 'experimental.istio.io/disable-gateway-port-translation';

/** Where a service in front of the router maps a port, the router listens on the target; of several services the older counts. */
function targetPort(number: number, own: readonly OwnPort[]): number {
  const mapped = own
    .filter(({ service, port }) => port.number === number && !(NO_TRANSLATION in (service.declared?.labels ?? {})))
    .sort((a, b) => ageOf(a) - ageOf(b) || compareText(a.service.host, b.service.host));
  return mapped[0]?.targetPort ?? number;
}

function ageOf({ service }: OwnPort): number {
  return service.declared?.createdAt ?? 0;
}

function routeServer({ gateway, spec, hosts }: GatewayServer): RouteServer {
  const { tls } = spec;
  return { gateway, port: spec.port?.number ?? 0, hosts, tls: tls !== undefined, httpsRedirect: tls?.httpsRedirect ?? false };
}

function conflict(gateway: IstioObject<'Gateway'>, { spec }: GatewayServer, what: string): Diagnostic {
  const port = spec.port;
  return {
    code: 'gateway.conflict',
    severity: 'error',
    where: gateway.place,
    what: `Gateway ${gateway.namespace}/${gateway.name}: server ${port?.name ?? ''} (${port?.protocol ?? ''} on ${port?.number ?? ''}) is left out: ${what}`,
    meaning: 'two servers of one router want the same; the older Gateway has it, then the one whose name comes first',
    remedy: 'give one of them other hosts, another port or another address (bind), or select another router',
  };
}

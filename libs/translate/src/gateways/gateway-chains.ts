import { hostMatches } from '@isthmus/model';
import { HttpConnectionManager_ForwardClientCertDetails } from '@isthmus/proto/envoy';
import { ServerTLSSettings_TLSmode } from '@isthmus/proto/istio';
import type { IstioObject } from '@isthmus/proto/istio';
import type { Chain } from '../listeners/chain.ts';
import { routedConnection } from '../listeners/connection-filters.ts';
import { httpManager } from '../listeners/http-manager.ts';
import type { HttpManager } from '../listeners/http-manager.ts';
import type { Typed } from '../listeners/typed.ts';
import type { ProxyScope } from '../scope.ts';
import { autoPassthroughChains } from './auto-passthrough.ts';
import { downstreamTls, whyNoTls } from './downstream-tls.ts';
import type { MergedPort } from './merge.ts';
import { isHttp, passesThrough, serverNamesOf, speaksHttp } from './server.ts';
import type { GatewayServer } from './server.ts';

/** SNI names that tls routes have taken on a port, with the address that the server binds. */
export type TakenNames = Map<string, string>;

/** The filter chains of a port: one for all plain HTTP servers, one for each that terminates TLS, one for each route of connections. */
export function gatewayChains(scope: ProxyScope, port: MergedPort, listener: string, taken: TakenNames): readonly Chain[] {
  if (isHttp(port.protocol)) return [{ filters: [edgeHttp(port.route, `outbound_${listener}`, port.protocol)] }];
  return port.servers.flatMap((server) => {
    const { tls, name } = server.spec;
    if (tls !== undefined && passesThrough(server.spec)) return passthroughChains(scope, server, taken);
    if (tls !== undefined && whyNoTls(tls) !== undefined) return [];
    const filters = speaksHttp(server)
      ? [edgeHttp(server.route, name || `outbound_${listener}`, server.protocol)]
      : tcpFilters(scope, server);
    if (filters.length === 0) return []; // no rule says where to
    return [{ filters, ...(tls && { serverNames: serverNamesOf(server), tls: downstreamTls(tls) }) }];
  });
}

const OPTIONS: NonNullable<HttpManager['options']> = {
  serverName: 'istio-envoy',
  forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET,
  setCurrentClientCertDetails: { subject: true, cert: true, dns: true, uri: true },
  httpProtocolOptions: {},
};

function edgeHttp(route: string, statPrefix: string, protocol: string): Typed {
  return httpManager({ statPrefix, route, useRemoteAddress: true, grpcWeb: protocol === 'grpc-web', options: OPTIONS });
}

/** The first tcp route for this server of the rules bound to its Gateway. */
function tcpFilters(scope: ProxyScope, server: GatewayServer): readonly Typed[] {
  for (const rule of rulesFor(scope, server)) {
    const found = rule.spec.tcp.find(
      ({ match, route }) => route.length > 0 && (match.length === 0 || match.some((m) => isFor(m, server))),
    );
    if (found !== undefined) return routedConnection(scope, found.route, portOf(server), nameOf(rule));
  }
  return [];
}

/** A chain for each match of tls routes; the older rule keeps a name that two want. */
function passthroughChains(scope: ProxyScope, server: GatewayServer, taken: TakenNames): readonly Chain[] {
  if (server.spec.tls?.mode === ServerTLSSettings_TLSmode.AUTO_PASSTHROUGH) return autoPassthroughChains(scope, server);
  const { bind } = server.spec;
  const chains: Chain[] = [];
  for (const rule of rulesFor(scope, server)) {
    for (const { match: matches, route } of rule.spec.tls) {
      if (route.length === 0) continue;
      for (const match of matches) {
        if (!isFor(match, server) || match.sniHosts.some((name) => taken.get(name) === bind)) continue;
        for (const name of match.sniHosts) taken.set(name, bind);
        chains.push({ serverNames: match.sniHosts, filters: routedConnection(scope, route, portOf(server), nameOf(rule)) });
      }
    }
  }
  return chains;
}

function rulesFor(scope: ProxyScope, { gateway, hosts }: GatewayServer): readonly IstioObject<'VirtualService'>[] {
  return scope.virtualServicesOf(gateway).filter(({ namespace, spec }) =>
    hosts.some((host) => {
      const [owner, name] = host.includes('/') ? (host.split('/') as [string, string]) : [namespace, host];
      return owner === namespace && spec.hosts.some((own) => hostMatches(name, own));
    }),
  );
}

function isFor(
  match: { readonly port: number; readonly gateways: readonly string[] },
  { spec, gateway }: GatewayServer,
): boolean {
  return (
    (match.port === 0 || match.port === spec.port?.number) && (match.gateways.length === 0 || match.gateways.includes(gateway))
  );
}

function portOf({ spec, protocol }: GatewayServer) {
  return { number: spec.port?.number ?? 0, protocol };
}

function nameOf({ name, namespace }: IstioObject): string {
  return `${name}.${namespace}`;
}

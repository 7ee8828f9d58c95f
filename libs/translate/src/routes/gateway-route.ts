import { atOnce, compareSpecificity, hostsInCommon } from '@isthmus/model';
import type { MeshHost, Resource } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { joinParts } from '../fields.ts';
import { contentVersion } from '../resource.ts';
import { ordered } from '../ordered.ts';
import { compareVirtualHosts, composeRouteSteps } from '../route.ts';
import type { ProxyScope } from '../scope.ts';
import type { EncodedVirtualHost } from '../virtual-hosts.ts';
import { EMPTY_ROUTE_OPTIONS, ROUTE_OPTIONS, ROUTE_OPTIONS_WITH_PORTS, blackhole } from './catch-all.ts';
import { withPort } from './domains.ts';
import { httpRoutes } from './http-routes.ts';
import { assembleRoute } from './route-assembly.ts';
import { encodeRoutes } from './encode-routes.ts';
import { virtualHostBody, virtualHostParts } from './route-virtual-host.ts';
import { SharedRoutes } from './shared-routes.ts';
import type { RouteContext } from './route-context.ts';

/** One server of a Gateway, as far as its routes go. Several share a route where they share a plain port. */
export interface RouteServer {
  /** `namespace/name` of its Gateway. */
  readonly gateway: string;
  /** The server's own port, not the one that its listener has. */
  readonly port: number;
  /** `foo.com`, `shop/*.foo.com`; `./` made the Gateway's namespace, `*` before the slash left out. */
  readonly hosts: readonly string[];
  readonly tls: boolean;
  readonly httpsRedirect: boolean;
}

/** The encoded routes of one rule at one gateway and port: what may be kept between two translations of a gateway's route. */
export interface GatewayRules {
  /** Apart by whether a route takes everything: those go last, whatever rule they are of. */
  readonly specific: Uint8Array;
  readonly catchAll: Uint8Array;
}

/** One unit. It depends on the rule, on its destinations' ports and on their DestinationRules. */
export function gatewayRules(scope: ProxyScope, server: RouteServer, rule: IstioObject<'VirtualService'>): GatewayRules {
  const at: RouteContext = {
    proxy: scope.proxy,
    port: server.port,
    gateway: server.gateway,
    tls: server.tls,
    service: (host) => scope.service(host as MeshHost),
    destinationRule: (host) => scope.destinationRule(host as MeshHost),
    retries: scope.mesh.retries,
  };
  return shared.of(rule, '', at, (on) => {
    const routes = httpRoutes(rule, on(server.port));
    return {
      specific: encodeRoutes(routes.filter((each) => !each.catchAll).map((each) => each.route)),
      catchAll: encodeRoutes(routes.filter((each) => each.catchAll).map((each) => each.route)),
    };
  });
}

const shared = new SharedRoutes<GatewayRules>();

/** How a route of a gateway is made from its units; the default makes all of them anew. */
export type RulesOf = (server: RouteServer, rule: IstioObject<'VirtualService'>) => GatewayRules;

interface Draft {
  readonly name: string;
  readonly domains: string[];
  /** In the order of servers and rules. */
  readonly rules: GatewayRules[];
  httpsRedirect: boolean;
}

/**
 * `http.8080`, `https.443.https.web.shop`: the virtual hosts of the VirtualServices bound to the servers' gateways, as far as their
 * hosts are the servers'. @param servers empty: the route is gone
 */
export function* gatewayRouteSteps(
  scope: ProxyScope,
  name: string,
  servers: readonly RouteServer[],
  rulesOf: RulesOf = (server, rule) => gatewayRules(scope, server, rule),
): Generator<void, Resource> {
  const [firstServer] = servers;
  if (firstServer === undefined) return assembleRoute(name, [], EMPTY_ROUTE_OPTIONS);
  const drafts = yield* draftsOf(scope, servers, rulesOf);
  const options = scope.proxy.grpc ? ROUTE_OPTIONS_WITH_PORTS : ROUTE_OPTIONS;
  if (drafts.size === 0) return assembleRoute(name, [], joinParts([blackhole(firstServer.port), options]));
  const hosts: EncodedVirtualHost[] = [];
  for (const draft of collapsed(drafts)) {
    hosts.push(virtualHost(name, draft));
    yield;
  }
  return yield* composeRouteSteps(name, ordered(hosts, compareVirtualHosts), options);
}

/** The same at once. */
export function gatewayRouteResource(scope: ProxyScope, name: string, servers: readonly RouteServer[]): Resource {
  return atOnce(gatewayRouteSteps(scope, name, servers));
}

function* draftsOf(
  scope: ProxyScope,
  servers: readonly RouteServer[],
  rulesOf: RulesOf,
): Generator<void, ReadonlyMap<string, Draft>> {
  const drafts = new Map<string, Draft>();
  const known = new Map<string, GatewayRules>();
  for (const server of servers) {
    for (const rule of scope.virtualServicesOf(server.gateway)) {
      yield;
      const hosts = hostsOf(server, rule);
      if (hosts.length === 0) continue;
      // As istiod: made for the first server of the gateway on this route, also where the second has another port.
      const key = `${server.gateway} ${rule.namespace}/${rule.name}`;
      const rules = known.get(key) ?? rulesOf(server, rule);
      known.set(key, rules);
      if (rules.specific.length + rules.catchAll.length === 0) continue;
      for (const host of hosts) draft(drafts, host, server).rules.push(rules);
    }
    // Hosts that redirect to https need no rule.
    if (server.httpsRedirect) for (const host of server.hosts) draft(drafts, host.toLowerCase(), server);
  }
  return drafts;
}

function draft(drafts: Map<string, Draft>, host: string, server: RouteServer): Draft {
  const known = drafts.get(host) ?? { name: withPort(host, server.port), domains: [host], rules: [], httpsRedirect: false };
  known.httpsRedirect ||= server.httpsRedirect;
  drafts.set(host, known);
  return known;
}

/** What the rule is for at this server, in lower case. Kept, since of a thousand rules one changes at a time. */
function hostsOf(server: RouteServer, rule: IstioObject<'VirtualService'>): readonly string[] {
  let known = inCommon.get(rule);
  if (known === undefined) inCommon.set(rule, (known = new WeakMap()));
  let hosts = known.get(server.hosts);
  if (hosts === undefined) {
    hosts = hostsInCommon(hostsFor(server.hosts, rule.namespace), rule.spec.hosts).map((host) => host.toLowerCase());
    known.set(server.hosts, hosts);
  }
  return hosts;
}

const inCommon = new WeakMap<IstioObject<'VirtualService'>, WeakMap<readonly string[], readonly string[]>>();

/** The hosts that a rule of this namespace may use. */
function hostsFor(hosts: readonly string[], namespace: string): readonly string[] {
  return hosts.flatMap((host) => {
    const slash = host.indexOf('/');
    if (slash < 0) return [host];
    const owner = host.slice(0, slash);
    return owner === namespace || owner === '*' ? [host.slice(slash + 1)] : [];
  });
}

/**
 * Hosts with the same routes are one virtual host, named after the most specific; as in istiod not across one that differs in the
 * redirect to https alone.
 */
function collapsed(drafts: ReadonlyMap<string, Draft>): Iterable<Draft> {
  const kept: Draft[] = [];
  const last = new Map<string, Draft>();
  const numbers = new Map<GatewayRules, number>();
  const number = (rules: GatewayRules): number => {
    if (!numbers.has(rules)) numbers.set(rules, numbers.size);
    return numbers.get(rules) as number;
  };
  for (const [, each] of [...drafts].sort(([a], [b]) => compareSpecificity(a, b))) {
    const key = each.rules.map(number).join();
    const same = last.get(key);
    if (same?.httpsRedirect === each.httpsRedirect) {
      same.domains.push(...each.domains);
      continue;
    }
    kept.push(each);
    last.set(key, each);
  }
  return kept;
}

/** Hosts and domains are there once, so they need no assembly; what is encoded of a host with one rule lives as long as the rule's routes. */
function virtualHost(route: string, { name, domains, rules, httpsRedirect }: Draft): EncodedVirtualHost {
  const [only] = rules;
  const kept = only === undefined || rules.length > 1 ? undefined : (encoded.get(only) ?? new Map<string, EncodedVirtualHost>());
  const key = [route, name, httpsRedirect, ...domains].join(' ');
  const known = kept?.get(key);
  if (known !== undefined) return known;
  const routes = [...rules.map((each) => each.specific), ...rules.map((each) => each.catchAll)];
  const parts = virtualHostParts(name, domains, virtualHostBody(routes, httpsRedirect));
  const host = { route, name, version: contentVersion(parts.map(contentVersion).join()), parts };
  if (only !== undefined && kept !== undefined) encoded.set(only, kept.set(key, host));
  return host;
}

const encoded = new WeakMap<GatewayRules, Map<string, EncodedVirtualHost>>();

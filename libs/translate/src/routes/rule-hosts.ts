import { hostMatches, isWildcardHost } from '@isthmus/model';
import type { MeshService, ServicePort } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { mainHttpPort } from '../main-http-port.ts';
import type { ProxyScope } from '../scope.ts';
import { hostDomains, serviceDomains, withPort } from './domains.ts';
import { handedOver, leftBy } from './handed-over.ts';
import { httpRoutes } from './http-routes.ts';
import { ruleOrder } from './order.ts';
import { encodeRoutes } from './encode-routes.ts';
import { routeVirtualHost, virtualHostBody } from './route-virtual-host.ts';
import { SharedRoutes } from './shared-routes.ts';
import { ruleOfHost } from './rule-by-host.ts';
import { httpPortsIn, isIn, routeContext, serviceIn } from './sidecar-route.ts';
import { onlyForPort } from './only-for-port.ts';
import type { RouteInit } from './route-context.ts';
import type { RouteVirtualHost } from './route-virtual-host.ts';
import type { SidecarRoute } from './sidecar-route.ts';

type Rule = IstioObject<'VirtualService'>;

/** The port on which hosts without a service are callable: Istio's "gross hack". */
const HOSTS_WITHOUT_SERVICE = 80;

/**
 * One unit: the virtual hosts of one VirtualService in one route. It depends on the rule; on the services of the egress listener whose
 * host the rule names or has a wildcard for (that they are there, their ports, namespace and address); if it has a wildcard, on which
 * other rules name those services; on the DestinationRules of its destinations; in `proxy` style on its destinations' ports.
 */
export function virtualHostsOfRule(scope: ProxyScope, route: SidecarRoute, rule: Rule): readonly RouteVirtualHost[] {
  const { services, others } = hostsOf(route, rule);
  const routed = services.filter((service) => httpPortsIn(route, service).length > 0);
  if (routed.length === 0 && !hasHostsWithoutService(route)) return [];
  const body = (host: string, further: readonly ServicePort[], main: number) => ruleBody(scope, route, rule, host, further, main);
  const hosts: RouteVirtualHost[] = [];
  for (const host of others) {
    const own = body(host, [], HOSTS_WITHOUT_SERVICE);
    if (own === undefined) break;
    const port = route.style.kind === 'port' ? route.style.port : HOSTS_WITHOUT_SERVICE;
    const name = withPort(host, port);
    const domains = hostDomains(host, route.withPorts ? port : undefined);
    const order = ruleOrder(rule, scope.proxy.namespace, hosts.length);
    hosts.push(routeVirtualHost({ route: route.name, name, domains, known: [], order, body: own }));
  }
  for (const service of routed) {
    const ports = httpPortsIn(route, service);
    const main = mainHttpPort(ports);
    const own =
      main &&
      body(
        service.host,
        ports.filter((port) => port !== main),
        main.number,
      );
    if (main === undefined || own === undefined) continue;
    const order = ruleOrder(rule, scope.proxy.namespace, hosts.length);
    hosts.push(routeVirtualHost({ ...namesOf(scope, route, service, main), order, body: own }));
  }
  return [...hosts]; // what is pushed to has room for sixteen more, and this is kept for each rule
}

const shared = new SharedRoutes<Uint8Array | undefined>();

/**
 * The rule's routes for a service with these ports; undefined: none of them is for this proxy.
 * @param host as it is called, for what plans leave to its callers
 */
function ruleBody(
  scope: ProxyScope,
  route: SidecarRoute,
  rule: Rule,
  host: string,
  further: readonly ServicePort[],
  main: number,
): Uint8Array | undefined {
  const at = routeContext(scope, route, route.style.kind === 'port' ? route.style.port : main);
  const overs = new Map([...further.map(({ number }) => number), at.port].map((port) => [port, scope.handOver(host, port)]));
  // Not the route's style: where a destination's own ports count, the context is asked for them.
  const key = [...further.map(({ number }) => number), ...[...overs.values()].map(leftBy)].join();
  return shared.of(rule, key, at, (on) => {
    const routesTo = (port: number): readonly RouteInit[] => {
      const there = httpRoutes(rule, on(port)).map((each) => each.route);
      return handedOver(there, overs.get(port), on(port));
    };
    const others = further.flatMap(({ number }) => routesTo(number).map((each) => onlyForPort(each, number)));
    const routes = [...others, ...routesTo(at.port)];
    return routes.length === 0 ? undefined : virtualHostBody([encodeRoutes(routes)]);
  });
}

/** How a service is called in a route. */
export function namesOf(
  scope: ProxyScope,
  route: SidecarRoute,
  service: MeshService,
  { number }: ServicePort,
): Pick<Parameters<typeof routeVirtualHost>[0], 'route' | 'name' | 'domains' | 'known'> {
  const name = withPort(service.host, number);
  const domains = serviceDomains(service, scope.proxy.dnsDomain, route.withPorts ? number : undefined);
  return { route: route.name, name, domains, known: [service.host, name] };
}

/** A rule without any service counts on port 80 and for callers that name what they call. */
function hasHostsWithoutService({ style }: SidecarRoute): boolean {
  return style.kind === 'proxy' || style.port === HOSTS_WITHOUT_SERVICE;
}

/** The rule's hosts apart: services that are in the route, and names that no service of it has. */
function hostsOf(
  route: SidecarRoute,
  rule: Rule,
): { readonly services: readonly MeshService[]; readonly others: readonly string[] } {
  const services = new Map<string, MeshService>();
  const others: string[] = [];
  for (const host of rule.spec.hosts) {
    if (isWildcardHost(host)) continue;
    const service = serviceIn(route, host);
    if (service !== undefined && isIn(route, service)) services.set(host, service);
    else others.push(host);
  }
  for (const host of rule.spec.hosts) {
    if (isWildcardHost(host) && !addMatching(route, rule, host, services)) others.push(host);
  }
  return { services: [...services.values()], others };
}

/** Whether any service matches, also one that belongs to another rule, whose name or wildcard is more specific. */
function addMatching(route: SidecarRoute, rule: Rule, wildcard: string, services: Map<string, MeshService>): boolean {
  const rules = route.egress.virtualServices();
  let matched = false;
  for (const service of candidates(route)) {
    if (!hostMatches(service.host, wildcard) || !isIn(route, service)) continue;
    matched = true;
    if (ruleOfHost(rules, service.host) === rule) services.set(service.host, service);
  }
  return matched;
}

function candidates({ egress, style }: SidecarRoute): Iterable<MeshService> {
  return style.kind === 'port' ? egress.servicesOn(style.port) : egress.services();
}

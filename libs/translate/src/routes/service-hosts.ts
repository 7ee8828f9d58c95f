import type { MeshService, ServicePort } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { mainHttpPort } from '../main-http-port.ts';
import type { ProxyScope } from '../scope.ts';
import { defaultRoute } from './default-route.ts';
import { handedOver, leftBy } from './handed-over.ts';
import { onlyForPort } from './only-for-port.ts';
import { serviceOrder } from './order.ts';
import { encodeRoutes } from './encode-routes.ts';
import { routeVirtualHost, virtualHostBody } from './route-virtual-host.ts';
import { namesOf } from './rule-hosts.ts';
import { httpPortsIn } from './sidecar-route.ts';
import type { RouteInit } from './route-context.ts';
import type { RouteVirtualHost } from './route-virtual-host.ts';
import type { SidecarRoute } from './sidecar-route.ts';

/**
 * One unit: the virtual host that a service has in one route where no VirtualService names it; where one does, the rule's host of the
 * same name comes before it. It depends on the service's host, ports and address and on its DestinationRule.
 */
export function virtualHostsOfService(scope: ProxyScope, route: SidecarRoute, service: MeshService): readonly RouteVirtualHost[] {
  const ports = httpPortsIn(route, service);
  const main = mainHttpPort(ports);
  if (main === undefined) return [];
  const body = serviceBody(scope, service, ports, main);
  return [routeVirtualHost({ ...namesOf(scope, route, service, main), order: serviceOrder(service.host), body })];
}

interface Made {
  readonly ports: string;
  readonly rule: IstioObject<'DestinationRule'> | undefined;
  readonly retries: ProxyScope['mesh']['retries'];
  readonly body: Uint8Array;
}

/** Rules and parts of its ports for which a service's routes are kept; with more the oldest goes. */
const MOST_KEPT = 16;

const made = new WeakMap<MeshService, Made[]>();

/** Encoded once for all routes and proxies in which the service has the same rule. */
function serviceBody(scope: ProxyScope, service: MeshService, inRoute: readonly ServicePort[], main: ServicePort): Uint8Array {
  const { host } = service;
  const rule = scope.destinationRule(host);
  const { retries } = scope.mesh;
  const overs = new Map(inRoute.map(({ number }) => [number, scope.handOver(host, number)]));
  const ports = inRoute.map(({ number, name }) => `${number} ${name} ${leftBy(overs.get(number))}`).join();
  let known = made.get(service);
  if (known === undefined) made.set(service, (known = []));
  const same = known.find((each) => each.ports === ports && each.rule === rule && each.retries === retries);
  if (same !== undefined) return same.body;
  const routesTo = (number: number): readonly RouteInit[] =>
    handedOver([defaultRoute(scope, host, number, rule?.spec)], overs.get(number), { destinationRule: () => rule });
  const others = inRoute
    .filter((port) => port !== main)
    .flatMap(({ number, name }) => routesTo(number).map((route) => ({ ...onlyForPort(route, number), name })));
  const body = virtualHostBody([encodeRoutes([...others, ...routesTo(main.number)])]);
  if (known.length === MOST_KEPT) known.shift();
  known.push({ ports, rule, retries, body });
  return body;
}

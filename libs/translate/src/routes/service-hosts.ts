import type { MeshService } from '@isthmus/model';
import { mainHttpPort } from '../main-http-port.ts';
import type { ProxyScope } from '../scope.ts';
import { defaultRoute } from './default-route.ts';
import { onlyForPort } from './only-for-port.ts';
import { serviceOrder } from './order.ts';
import { encodeRoutes } from './encode-routes.ts';
import { routeVirtualHost, virtualHostBody } from './route-virtual-host.ts';
import { namesOf } from './rule-hosts.ts';
import { httpPortsIn } from './sidecar-route.ts';
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
  const rule = scope.destinationRule(service.host)?.spec;
  const others = ports
    .filter((port) => port !== main)
    .map((port) => ({ ...onlyForPort(defaultRoute(scope, service.host, port.number, rule), port.number), name: port.name }));
  const body = virtualHostBody([encodeRoutes([...others, defaultRoute(scope, service.host, main.number, rule)])]);
  return [routeVirtualHost({ ...namesOf(scope, route, service, main), order: serviceOrder(service.host), body })];
}

import type { Resource } from '@isthmus/model';
import { EGRESS_ROUTE } from '../names.ts';
import { joinParts } from '../fields.ts';
import type { ProxyScope } from '../scope.ts';
import { BLOCK_ALL_EXPLICIT, EMPTY_ROUTE_OPTIONS, ROUTE_OPTIONS, catchAll } from './catch-all.ts';
import { assembleRoute } from './route-assembly.ts';
import { virtualHostsOfRule } from './rule-hosts.ts';
import { virtualHostsOfService } from './service-hosts.ts';
import { sidecarRoute } from './sidecar-route.ts';

/** What stands behind the virtual hosts of a sidecar's route; it depends on the mesh's and the Sidecar's outbound policy only. */
export function sidecarRouteTail(scope: ProxyScope, name: string): Uint8Array {
  // Nothing leaves by the explicit door but what the mesh knows: there is no original destination to pass it on to.
  return joinParts([name === EGRESS_ROUTE ? BLOCK_ALL_EXPLICIT : catchAll(scope), ROUTE_OPTIONS]);
}

/** One RouteConfiguration of a sidecar from nothing; `RouteAssembly` does the same unit by unit. */
export function sidecarRouteResource(scope: ProxyScope, name: string): Resource {
  const route = sidecarRoute(scope, name);
  if (route === undefined) return assembleRoute(name, [], EMPTY_ROUTE_OPTIONS);
  const rules = route.egress.virtualServices().flatMap((rule) => virtualHostsOfRule(scope, route, rule));
  const { egress, style } = route;
  const candidates = style.kind === 'port' ? egress.servicesOn(style.port) : egress.services();
  const services = [...candidates].flatMap((service) => virtualHostsOfService(scope, route, service));
  return assembleRoute(name, [...rules, ...services], sidecarRouteTail(scope, name));
}

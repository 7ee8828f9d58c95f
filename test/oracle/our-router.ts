import type { Resource, TypeUrl } from '@isthmus/model';
import { LISTENER_TYPE, ROUTE_TYPE, gatewayListeners, gatewayRouteResource, mergeGateways } from '@isthmus/translate';
import type { ProxyScope } from '@isthmus/translate';

/** Listeners and routes of a router from nothing, by the translators alone: the groups of the bridge have none yet. */
export function routerResources(scope: ProxyScope): ReadonlyMap<TypeUrl, readonly Resource[]> {
  const merged = mergeGateways(scope.gateways, scope.own);
  const routes = [...merged.routes].map(([name, servers]) => gatewayRouteResource(scope, name, servers));
  return new Map([
    [LISTENER_TYPE, gatewayListeners(scope, merged)],
    [ROUTE_TYPE, routes],
  ]);
}

import { fromBinary, toJson } from '@bufbuild/protobuf';
import type { DescMessage } from '@bufbuild/protobuf';
import type { Resource } from '@isthmus/model';
import { ClusterLoadAssignmentSchema, ClusterSchema, ListenerSchema, RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import type { ProxyScope } from '@isthmus/translate';
import { clustersOf } from '../../libs/translate/src/clusters.ts';
import { endpointsOf } from '../../libs/translate/src/endpoints.ts';
import { gatewayListeners } from '../../libs/translate/src/gateways/gateway-listeners.ts';
import { mergeGateways } from '../../libs/translate/src/gateways/merge.ts';
import { grpcListener } from '../../libs/translate/src/listeners/grpc.ts';
import { sidecarListenerKeys, sidecarListeners } from '../../libs/translate/src/listeners/sidecar-listeners.ts';
import { grpcRouteResource } from '../../libs/translate/src/routes/grpc-route.ts';
import { gatewayRouteResource } from '../../libs/translate/src/routes/gateway-route.ts';
import { sidecarRouteResource } from '../../libs/translate/src/routes/sidecar-routes.ts';
import type { OracleCase } from './oracle-case.ts';
import { scopeOfCase } from './our-scope.ts';
import type { JsonObject, ResourceSet } from './resource-set.ts';
import { routeNames } from './route-names.ts';

/** What Isthmus sends to the node of this case. */
export function translateCase(oracleCase: OracleCase): ResourceSet {
  const { scope, services } = scopeOfCase(oracleCase);
  const seen = services.flatMap(({ host }) => scope.service(host) ?? []);
  const clusters = seen.flatMap((service) => clustersOf(service, scope.destinationRule(service.host), scope.proxy));
  const assignments = seen.flatMap((service) => endpointsOf(service, scope.destinationRule(service.host), scope.proxy));
  const listeners = json(ListenerSchema, listenersOf(scope, oracleCase.dials));
  return {
    clusters: json(ClusterSchema, clusters),
    listeners,
    routes: json(RouteConfigurationSchema, routesOf(scope, routeNames(listeners))),
    endpoints: json(ClusterLoadAssignmentSchema, assignments),
  };
}

function listenersOf(scope: ProxyScope, dials: readonly string[]): readonly Resource[] {
  if (scope.proxy.grpc) return dials.flatMap((name) => grpcListener(scope, name) ?? []);
  if (scope.proxy.kind === 'router') return gatewayListeners(scope, mergeGateways(scope.gateways, scope.own));
  return sidecarListenerKeys(scope).flatMap((key) => sidecarListeners(scope, key));
}

function routesOf(scope: ProxyScope, names: readonly string[]): readonly Resource[] {
  if (scope.proxy.kind === 'router') {
    const { routes } = mergeGateways(scope.gateways, scope.own);
    return names.map((name) => gatewayRouteResource(scope, name, routes.get(name) ?? []));
  }
  return names.flatMap((name) => (scope.proxy.grpc ? (grpcRouteResource(scope, name) ?? []) : sidecarRouteResource(scope, name)));
}

function json(schema: DescMessage, resources: readonly Resource[]): Readonly<Record<string, JsonObject>> {
  return Object.fromEntries(
    resources.map(({ name, bytes }) => [
      name,
      toJson(schema, fromBinary(schema, bytes), { registry: typeRegistry }) as JsonObject,
    ]),
  );
}

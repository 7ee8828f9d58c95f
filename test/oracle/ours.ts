import { fromBinary, toJson } from '@bufbuild/protobuf';
import type { DescMessage } from '@bufbuild/protobuf';
import type { MeshService, Resource } from '@isthmus/model';
import { ClusterLoadAssignmentSchema, ClusterSchema, ListenerSchema, RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import {
  ServiceResources,
  gatewayListeners,
  gatewayRouteResource,
  grpcListener,
  grpcRouteResource,
  inboundClusters,
  mergeGateways,
  meshClusters,
  sidecarListenerKeys,
  sidecarListeners,
  sidecarRouteResource,
} from '@isthmus/translate';
import type { ProxyScope } from '@isthmus/translate';
import type { OracleCase } from './oracle-case.ts';
import { caseMesh } from './our-scope.ts';
import type { CaseMesh } from './our-scope.ts';
import { clusterNames, routeNames } from './named-resources.ts';
import type { JsonObject, ResourceSet } from './resource-set.ts';

/** What Isthmus sends to the node of this case. @throws {Error} when an object is refused */
export function translateCase(oracleCase: OracleCase): ResourceSet {
  const mesh = caseMesh(oracleCase);
  const { scope } = mesh;
  const seen = mesh.services.flatMap(({ host }) => scope.service(host) ?? []);
  if (scope.proxy.grpc) return asGrpcClient(scope, seen, oracleCase.dials);
  const merged = mergeGateways(scope.gateways, scope.own);
  const isRouter = scope.proxy.kind === 'router';
  const listeners = json(
    ListenerSchema,
    isRouter ? gatewayListeners(scope, merged) : sidecarListenerKeys(scope).flatMap((key) => sidecarListeners(scope, key)),
  );
  const routes = routeNames(listeners).map((name) =>
    isRouter ? gatewayRouteResource(scope, name, merged.routes.get(name) ?? []) : sidecarRouteResource(scope, name),
  );
  return {
    clusters: json(ClusterSchema, clustersFor(mesh, seen)),
    listeners,
    routes: json(RouteConfigurationSchema, routes),
    endpoints: json(ClusterLoadAssignmentSchema, assignmentsFor(scope, seen)),
  };
}

/** It asks for what it dials, the route of that, the clusters of these, and their endpoints. */
function asGrpcClient(scope: ProxyScope, seen: readonly MeshService[], dials: readonly string[]): ResourceSet {
  const listeners = json(
    ListenerSchema,
    dials.flatMap((name) => grpcListener(scope, name) ?? []),
  );
  const routes = json(
    RouteConfigurationSchema,
    routeNames(listeners).flatMap((name) => grpcRouteResource(scope, name) ?? []),
  );
  const named = new Set(clusterNames(routes));
  const asked = (resources: readonly Resource[]): readonly Resource[] => resources.filter(({ name }) => named.has(name));
  const clusters = asked(seen.flatMap((service) => new ServiceResources().clusters(scope, service)));
  return {
    clusters: json(ClusterSchema, clusters),
    listeners,
    routes,
    endpoints: json(ClusterLoadAssignmentSchema, asked(assignmentsFor(scope, seen))),
  };
}

function clustersFor({ scope, inboundRule }: CaseMesh, seen: readonly MeshService[]): readonly Resource[] {
  const resources = new ServiceResources();
  const outbound = seen.flatMap((service) => resources.clusters(scope, service));
  return [...meshClusters(scope.proxy), ...inboundClusters(scope, inboundRule), ...outbound];
}

function assignmentsFor(scope: ProxyScope, seen: readonly MeshService[]): readonly Resource[] {
  return seen.flatMap((service) => new ServiceResources().endpoints(scope, service));
}

function json(schema: DescMessage, resources: readonly Resource[]): Readonly<Record<string, JsonObject>> {
  return Object.fromEntries(
    resources.map(({ name, bytes }) => [
      name,
      toJson(schema, fromBinary(schema, bytes), { registry: typeRegistry }) as JsonObject,
    ]),
  );
}

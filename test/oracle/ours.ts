import { fromBinary, toJson } from '@bufbuild/protobuf';
import type { DescMessage } from '@bufbuild/protobuf';
import type { Resource, TypeUrl } from '@isthmus/model';
import { ClusterLoadAssignmentSchema, ClusterSchema, ListenerSchema, RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from '@isthmus/translate';
import { clusterNames, loadAssignmentNames, routeNames } from './named-resources.ts';
import type { OracleCase } from './oracle-case.ts';
import { bridgeOf, nodeInfo } from './our-bridge.ts';
import type { JsonObject, ResourceSet } from './resource-set.ts';

const schemas: Readonly<Record<TypeUrl, DescMessage>> = {
  [CLUSTER_TYPE]: ClusterSchema,
  [LISTENER_TYPE]: ListenerSchema,
  [ROUTE_TYPE]: RouteConfigurationSchema,
  [ENDPOINT_TYPE]: ClusterLoadAssignmentSchema,
};

/** What the bridge serves to the node of this case, of what the node would ask for. @throws {Error} when an object or the node is refused */
export async function translateCase(oracleCase: OracleCase): Promise<ResourceSet> {
  const { views } = await bridgeOf(oracleCase);
  const view = views.viewFor(nodeInfo(oracleCase));
  if ('refused' in view) throw new Error(`${oracleCase.name}: ${view.refused}`);
  const all = (type: TypeUrl): readonly Resource[] => [...view.resources(type).values()];
  const named = (type: TypeUrl, names: readonly string[]): ResourceSet['clusters'] =>
    json(
      type,
      all(type).filter(({ name }) => names.includes(name)),
    );
  // A gRPC client names what it dials, and then what each answer names; Envoy asks for all listeners and clusters.
  const isGrpc = oracleCase.dials.length > 0;
  const listeners = isGrpc ? named(LISTENER_TYPE, oracleCase.dials) : json(LISTENER_TYPE, all(LISTENER_TYPE));
  const routes = named(ROUTE_TYPE, routeNames(listeners));
  const clusters = isGrpc ? named(CLUSTER_TYPE, clusterNames(routes)) : json(CLUSTER_TYPE, all(CLUSTER_TYPE));
  const asked = loadAssignmentNames(clusters);
  // The xDS server answers a name that nobody has with an empty one (libs/xds/src/encode-push.ts).
  const unknown = Object.fromEntries(asked.map((clusterName) => [clusterName, { clusterName }]));
  return { clusters, listeners, routes, endpoints: { ...unknown, ...named(ENDPOINT_TYPE, asked) } };
}

function json(type: TypeUrl, resources: readonly Resource[]): Readonly<Record<string, JsonObject>> {
  const schema = schemas[type] as DescMessage;
  return Object.fromEntries(
    resources.map(({ name, bytes }) => [
      name,
      toJson(schema, fromBinary(schema, bytes), { registry: typeRegistry }) as JsonObject,
    ]),
  );
}

import { isObject } from './resource-set.ts';
import type { Json, ResourceSet } from './resource-set.ts';

/** The routes that these listeners ask for, sorted. */
export function routeNames(listeners: ResourceSet['listeners']): readonly string[] {
  return namesIn(listeners, ({ rds }) => (isObject(rds) ? rds['routeConfigName'] : undefined));
}

/** The clusters that these routes lead to, sorted; not those of copies, which gRPC clients, the only ones who ask by name, do not make. */
export function clusterNames(routes: ResourceSet['routes']): readonly string[] {
  return namesIn(routes, (message) => ('weight' in message ? message['name'] : message['cluster']));
}

/** The ClusterLoadAssignments that these clusters ask for, sorted. */
export function loadAssignmentNames(clusters: ResourceSet['clusters']): readonly string[] {
  return Object.entries(clusters)
    .filter(([, { type }]) => type === 'EDS')
    .map(([name, { edsClusterConfig }]) => {
      const other = isObject(edsClusterConfig) ? edsClusterConfig['serviceName'] : undefined;
      return typeof other === 'string' ? other : name;
    })
    .sort();
}

type Message = Readonly<Record<string, Json>>;

function namesIn(resources: Message, nameIn: (message: Message) => Json | undefined): readonly string[] {
  const names = Object.values(resources).flatMap((resource) => [...found(resource, nameIn)]);
  return [...new Set(names)].sort();
}

function* found(value: Json, nameIn: (message: Message) => Json | undefined): Generator<string> {
  if (Array.isArray(value)) for (const element of value as readonly Json[]) yield* found(element, nameIn);
  if (!isObject(value)) return;
  const name = nameIn(value);
  if (typeof name === 'string') yield name;
  for (const [key, inner] of Object.entries(value)) if (key !== 'requestMirrorPolicies') yield* found(inner, nameIn);
}

import { isObject } from './resource-set.ts';
import type { Json, ResourceSet } from './resource-set.ts';

/** The routes that these listeners ask for, sorted. */
export function routeNames(listeners: ResourceSet['listeners']): readonly string[] {
  return [...new Set(Object.values(listeners).flatMap((listener) => [...named(listener)]))].sort();
}

function* named(value: Json): Generator<string> {
  if (Array.isArray(value)) for (const element of value as readonly Json[]) yield* named(element);
  if (!isObject(value)) return;
  const { rds } = value;
  if (isObject(rds) && typeof rds['routeConfigName'] === 'string') yield rds['routeConfigName'];
  for (const inner of Object.values(value)) yield* named(inner);
}

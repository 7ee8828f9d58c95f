import { isObject } from '../resource-set.ts';
import type { Json, JsonObject, ResourceKind, ResourceSet } from '../resource-set.ts';
import { expected } from './expected.ts';
import { isUnordered } from './unordered.ts';

/** Both sides in the one form in which what is meant to differ is gone and what means the same looks the same. */
export function normalise(set: ResourceSet): ResourceSet {
  const all = (kind: ResourceKind): ResourceSet[ResourceKind] =>
    Object.fromEntries(
      Object.entries(set[kind])
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, resource]) => [name, normaliseMessage(resource, [kind])]),
    );
  return { clusters: all('clusters'), listeners: all('listeners'), routes: all('routes'), endpoints: all('endpoints') };
}

/** @param path Keys that lead here, the kind of resource first; places in lists are not in it. */
function normaliseMessage(message: JsonObject, path: readonly string[]): JsonObject {
  const stripped = expected.reduce((rest, { strip }) => strip(rest, path), message);
  const entries = Object.entries(stripped).flatMap(([key, value]) => {
    const normal = normaliseValue(value, [...path, key]);
    return isLeftOver(value, normal, key) ? [] : [[key, normal] as const];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function normaliseValue(value: Json, path: readonly string[]): Json {
  if (isObject(value)) return normaliseMessage(value, path);
  if (!Array.isArray(value)) return value;
  const elements = value.map((element: Json) => normaliseValue(element, path));
  return isUnordered(path.at(-1) ?? '', path.at(-2) ?? '') ? elements.sort(byText) : elements;
}

/** Messages of which only expected differences were there; and some that mean the same whether they are empty or absent. */
const emptyIsAbsent = new Set(['metadata', 'filterChainMatch', 'locality']);

function isLeftOver(before: Json, after: Json, key: string): boolean {
  if (Array.isArray(after)) return after.length === 0;
  if (!isObject(after) || Object.keys(after).length > 0) return false;
  return emptyIsAbsent.has(key) || (isObject(before) && Object.keys(before).length > 0);
}

function byText(a: Json, b: Json): number {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

import { isObject } from '../resource-set.ts';
import type { Json, JsonObject } from '../resource-set.ts';

/** A copy of a message in which one thing is different. */
export interface Mutation {
  readonly what: 'changed' | 'taken out' | 'added' | 'put the other way round';
  /** `filters/0/name` */
  readonly path: string;
  readonly mutated: JsonObject;
}

/** Everything that could be different in one place: each value changed, each key and element taken out, a key added, each list reversed. */
export function* mutations(whole: JsonObject): Generator<Mutation> {
  for (const [path, at] of places(whole, [])) {
    const as = (what: Mutation['what'], value: Json | undefined): Mutation => ({
      what,
      path: path.join('/'),
      mutated: replaced(whole, path, value) as JsonObject,
    });
    yield as('taken out', undefined);
    if (isObject(at)) yield as('added', { ...at, strange: 1 });
    else if (Array.isArray(at)) yield as('put the other way round', [...at].reverse());
    else yield as('changed', other(at as Scalar));
  }
}

function* places(value: Json, path: readonly string[]): Generator<readonly [readonly string[], Json]> {
  if (path.length > 0) yield [path, value];
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) yield* places(inner as Json, [...path, key]);
}

function replaced(whole: Json, [key, ...rest]: readonly string[], value: Json | undefined): Json | undefined {
  if (key === undefined) return value;
  if (Array.isArray(whole))
    return whole.flatMap(
      (element: Json, n) => (String(n) === key ? (replaced(element, rest, value) ?? []) : [element]) as Json[],
    );
  const entries = Object.entries(whole as JsonObject).flatMap(([name, inner]) => {
    const next = name === key ? replaced(inner, rest, value) : inner;
    return next === undefined ? [] : [[name, next] as const];
  });
  return Object.fromEntries(entries);
}

type Scalar = boolean | number | string | null;

function other(value: Scalar): Json {
  if (typeof value === 'boolean') return !value;
  return typeof value === 'number' ? value + 1 : `${value}x`;
}

import { isObject, resourceKinds } from './resource-set.ts';
import type { Json, ResourceKind, ResourceSet } from './resource-set.ts';

export interface Difference {
  readonly kind: ResourceKind;
  /** `80/virtualHosts[orders.shop…]/routes[0]/route/timeout` */
  readonly path: string;
  /** Undefined: not there. */
  readonly istiod: Json | undefined;
  readonly ours: Json | undefined;
}

/** `routes 80/virtualHosts[orders.shop…]/routes[0]/route/timeout` */
export function placeOf({ kind, path }: Difference): string {
  return `${kind} ${path}`;
}

/** Whether the difference is at a place, as `placeOf` gives it, or inside of what is there. */
export function isAtOrIn(difference: Difference, place: string): boolean {
  const at = placeOf(difference);
  return at === place || at.startsWith(`${place}/`) || at.startsWith(`${place}[`);
}

/** Every place at which two normalised sets differ: the deepest, so that a line says what is missing. */
export function differences(istiod: ResourceSet, ours: ResourceSet): readonly Difference[] {
  return resourceKinds.flatMap((kind) =>
    between(istiod[kind], ours[kind], '').map((found) => ({ kind, ...found, path: found.path.replace(/^\//, '') })),
  );
}

type Found = Omit<Difference, 'kind'>;

function between(istiod: Json | undefined, ours: Json | undefined, path: string): readonly Found[] {
  if (isObject(istiod) && isObject(ours))
    return [...new Set([...Object.keys(istiod), ...Object.keys(ours)])]
      .sort()
      .flatMap((key) => between(istiod[key], ours[key], `${path}/${key}`));
  if (Array.isArray(istiod) && Array.isArray(ours)) return betweenLists(istiod, ours, path);
  return istiod === ours ? [] : [{ path, istiod, ours }];
}

/** Elements that have names of their own are compared by them, others by place. */
function betweenLists(istiod: readonly Json[], ours: readonly Json[], path: string): readonly Found[] {
  if ([...istiod, ...ours].every((element) => typeof element === 'string')) return betweenTexts(istiod, ours, path);
  const [left, right] = [byName(istiod), byName(ours)];
  if (left === undefined || right === undefined)
    return Array.from({ length: Math.max(istiod.length, ours.length) }).flatMap((_, n) =>
      between(istiod[n], ours[n], `${path}[${n}]`),
    );
  const found = [...new Set([...left.keys(), ...right.keys()])].flatMap((name) =>
    between(left.get(name), right.get(name), `${path}[${name}]`),
  );
  const inOrder = [...left.keys()].join() === [...right.keys()].join();
  if (found.length > 0 || inOrder) return found;
  return [{ path: `${path} (order)`, istiod: [...left.keys()], ours: [...right.keys()] }];
}

function betweenTexts(istiod: readonly Json[], ours: readonly Json[], path: string): readonly Found[] {
  const missing = istiod
    .filter((text) => !ours.includes(text))
    .map((text) => ({ path: `${path}[]`, istiod: text, ours: undefined }));
  const extra = ours
    .filter((text) => !istiod.includes(text))
    .map((text) => ({ path: `${path}[]`, istiod: undefined, ours: text }));
  if (missing.length + extra.length > 0 || istiod.join() === ours.join()) return [...missing, ...extra];
  return [{ path: `${path} (order)`, istiod, ours }];
}

/** Undefined where an element has no name, or two have the same. */
function byName(list: readonly Json[]): ReadonlyMap<string, Json> | undefined {
  const named = new Map<string, Json>();
  for (const element of list) {
    const name = isObject(element) ? element['name'] : undefined;
    if (typeof name !== 'string' || named.has(name)) return undefined;
    named.set(name, element);
  }
  return named;
}

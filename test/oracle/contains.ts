import { isObject } from './resource-set.ts';
import type { Json } from './resource-set.ts';

/**
 * Whether `part` occurs anywhere in `whole`: text as a key or a value, an object in an object that has at least its fields, a list in
 * a list that has at least its elements, in any order.
 */
export function contains(whole: Json, part: Json): boolean {
  if (within(whole, part)) return true;
  if (Array.isArray(whole)) return whole.some((element: Json) => contains(element, part));
  if (!isObject(whole)) return false;
  return Object.entries(whole).some(([key, value]) => key === part || contains(value, part));
}

/** Here, not deeper. */
function within(whole: Json, part: Json): boolean {
  if (Array.isArray(part))
    return Array.isArray(whole) && part.every((wanted: Json) => whole.some((found: Json) => within(found, wanted)));
  if (!isObject(part)) return whole === part;
  return (
    isObject(whole) &&
    Object.entries(part).every(([key, value]) => {
      const found = whole[key];
      return found !== undefined && within(found, value);
    })
  );
}

import type { ServiceRecord } from './service.ts';

/** Equal content. Ends at the first difference, and costs nothing for the endpoints that both share. */
export function sameRecord(a: ServiceRecord | undefined, b: ServiceRecord): boolean {
  return a === b || (a !== undefined && a.endpoints.length === b.endpoints.length && sameData(a, b));
}

/** Whether two pieces of plain data, such as records are, say the same. */
export function sameData(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  const [one, other] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>];
  return keys.every((key) => key in other && sameData(one[key], other[key]));
}

import { MARK_HEADER } from '@isthmus/ladder';
import type { HeaderReader } from '../sticky.ts';

const REPLACED: ReadonlySet<string> = new Set(['host', MARK_HEADER]);

type Pairs = readonly (readonly [string, string | readonly string[]])[];

/** Headers of a dispatch: an object (`fetch`, most callers), a flat list of names and values, or pairs. */
function pairsOf(headers: unknown): Pairs {
  if (headers === undefined || headers === null) return [];
  if (Array.isArray(headers)) {
    const pairs: [string, string][] = [];
    for (let at = 0; at + 1 < headers.length; at += 2) pairs.push([String(headers[at]), String(headers[at + 1])]);
    return pairs;
  }
  if (typeof headers === 'object' && Symbol.iterator in headers) return [...(headers as Iterable<readonly [string, string]>)];
  return Object.entries(headers).filter(([, value]) => value !== undefined && value !== null);
}

export const readDispatched: HeaderReader = (carrier, name) => {
  const value = pairsOf(carrier).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof value === 'string' ? value : undefined;
};

/** With the service for its host and without a mark that is not the agent's, as a flat list, which every version takes. */
export function headersFor(headers: unknown, authority: string, more: readonly (readonly [string, string])[]): readonly string[] {
  const others = pairsOf(headers).filter(([name]) => !REPLACED.has(name.toLowerCase()));
  const flat = [...others, ...more].flatMap(([name, value]) =>
    typeof value === 'string' ? [name, value] : value.flatMap((one) => [name, String(one)]),
  );
  return ['host', authority, ...flat];
}

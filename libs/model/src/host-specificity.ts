import { hostWithin, isWildcardHost } from './host-pattern.ts';

/** The most specific first: names before wildcards, then the longer, then by text (Istio's `host.MoreSpecific`). */
export function compareSpecificity(a: string, b: string): number {
  const wild = Number(isWildcardHost(a)) - Number(isWildcardHost(b));
  if (wild !== 0) return wild;
  if (a.length !== b.length) return b.length - a.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What both lists stand for, in the order of the first; of two names of which one is within the other, the narrower one. */
export function hostsInCommon(first: readonly string[], second: readonly string[]): readonly string[] {
  const common = new Set<string>();
  for (const a of first) {
    for (const b of second) {
      if (hostWithin(a, b)) common.add(a);
      else if (hostWithin(b, a)) common.add(b);
    }
  }
  return [...common];
}

/** The key of the maps that is the host itself, or else its longest wildcard (Istio's `MostSpecificHostMatch`). */
export function mostSpecificHost<V>(
  host: string,
  exact: ReadonlyMap<string, V>,
  wildcards: ReadonlyMap<string, V>,
): readonly [host: string, value: V] | undefined {
  const own = (isWildcardHost(host) ? wildcards : exact).get(host);
  if (own !== undefined) return [host, own];
  let best: readonly [string, V] | undefined;
  const rest = isWildcardHost(host) ? host.slice(1) : host;
  for (const entry of wildcards) {
    if (!rest.endsWith(entry[0].slice(1))) continue;
    if (best === undefined || compareSpecificity(entry[0], best[0]) < 0) best = entry;
  }
  return best;
}

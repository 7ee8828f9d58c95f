import type { HTTPMatchRequest, HTTPRoute, StringMatch, VirtualService } from '@isthmus/proto/istio';
import type { Spot } from './spot.ts';

interface Route {
  readonly name?: string;
  readonly match: readonly object[];
}

/** Warns of routes and matches that an earlier one takes everything from. */
export function checkUnreachable({ http, tcp, tls }: VirtualService, at: Spot): void {
  const contents = contentsOf([...http, ...tcp, ...tls]);
  checkOrder(http, contents, at.at('http'));
  checkPrefixes(http, contents, at.at('http'));
  checkOrder(tcp, contents, at.at('tcp'));
  checkOrder(tls, contents, at.at('tls'));
}

/** By match: a text that equal ones have in common. */
type Contents = ReadonlyMap<object, string>;

function checkOrder(routes: readonly Route[], contents: Contents, at: Spot): void {
  const seen = new Map<string, number>();
  let all = -1; // the last route without a match
  for (const [i, route] of routes.entries()) {
    if (route.match.length === 0) {
      if (all >= 0)
        at.at(i).warn(`is never used: ${routeName(routes, all)} takes everything`, 'only the last route may have no match');
      all = i;
      continue;
    }
    let duplicates = 0;
    for (const [j, match] of route.match.entries()) {
      const here = at.at(i, 'match', j);
      if (all >= 0) {
        here.warn(`is never used: ${routeName(routes, all)} takes everything`, 'move the route without a match to the end');
        continue;
      }
      const text = contents.get(match) ?? '';
      const first = seen.get(text);
      if (first === undefined) seen.set(text, i);
      else {
        here.warn(`is never used: ${routeName(routes, first)} has the same match`, 'take it out');
        duplicates += 1;
      }
    }
    if (duplicates === route.match.length) at.at(i).warn('is never used: earlier routes have all of its matches', 'take it out');
  }
}

function routeName(routes: readonly Route[], i: number): string {
  const name = routes[i]?.name ?? '';
  return name === '' ? `route ${i}` : `route ${JSON.stringify(name)}`;
}

/** Names of matches are for people only. */
function contentsOf(routes: readonly Route[]): Contents {
  const matches = routes.flatMap(({ match }) => match);
  return new Map(matches.map((match) => [match, contentOf({ ...match, name: '' })]));
}

/** Keys in order: maps are written in any. */
function contentOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  if (Array.isArray(value)) return `[${value.map(contentOf).join()}]`;
  const isMessage = '$typeName' in value;
  let text = '{';
  for (const key of Object.keys(value).sort()) {
    const field = (value as Fields)[key];
    if (field === undefined || (field === '' && isMessage)) continue; // most fields are
    text += `${JSON.stringify(key)}:${contentOf(field)},`;
  }
  return `${text}}`;
}

type Fields = Readonly<Record<string, unknown>>;

interface PrefixMatch {
  readonly route: number;
  readonly match: number;
  readonly prefix: string;
  readonly port: number;
  /** Of method and authority. */
  readonly texts: readonly string[];
  /** Headers, query parameters, absent headers. */
  readonly maps: readonly Readonly<Record<string, string>>[];
}

/** Beyond, looking at every pair would take longer than all the rest. Istio looks at all. */
const MOST_PREFIXES = 500;

function checkPrefixes(routes: readonly HTTPRoute[], contents: Contents, at: Spot): void {
  const matches = prefixMatches(routes, contents).slice(0, MOST_PREFIXES);
  for (const [n, earlier] of matches.entries()) {
    for (const later of matches.slice(n + 1)) {
      if (later.prefix !== earlier.prefix && covers(earlier, later))
        at.at(later.route, 'match', later.match).warn(
          `is never used: ${routeName(routes, earlier.route)} matches the prefix ${JSON.stringify(earlier.prefix)} before`,
          'put the longer prefix first',
        );
    }
  }
}

/** Without those that `checkOrder` has named, as Istio does. */
function prefixMatches(routes: readonly HTTPRoute[], contents: Contents): readonly PrefixMatch[] {
  const found: PrefixMatch[] = [];
  const seen = new Set<string>();
  for (const [route, { match }] of routes.entries()) {
    if (match.length === 0) break; // what follows is unreachable for that reason
    for (const [i, one] of match.entries()) {
      const text = contents.get(one) ?? '';
      if (seen.has(text)) continue;
      seen.add(text);
      const prefix = one.uri?.matchType.case === 'prefix' ? one.uri.matchType.value : '';
      if (prefix !== '') found.push(prefixMatch(route, i, prefix, one));
    }
  }
  return found;
}

function prefixMatch(route: number, match: number, prefix: string, one: HTTPMatchRequest): PrefixMatch {
  const method = textOf(one.method);
  return {
    route,
    match,
    prefix,
    port: one.port,
    texts: [method === '' ? 'exact:GET' : method, textOf(one.authority)],
    maps: [one.headers, one.queryParams, one.withoutHeaders].map((map) =>
      Object.fromEntries(Object.entries(map).map(([key, value]) => [key, textOf(value)])),
    ),
  };
}

function textOf(match: StringMatch | undefined): string {
  const { case: kind, value } = match?.matchType ?? { case: undefined, value: '' };
  return (kind === 'exact' || kind === 'prefix') && value !== '' ? `${kind}:${value}` : '';
}

function covers(earlier: PrefixMatch, later: PrefixMatch): boolean {
  if (!later.prefix.startsWith(earlier.prefix) || later.port !== earlier.port) return false;
  if (!earlier.texts.every((text, i) => text.startsWith(later.texts[i] ?? ''))) return false;
  return earlier.maps.every((map, i) => {
    const other = later.maps[i] ?? {};
    const keys = Object.keys(map);
    return (
      keys.length === Object.keys(other).length &&
      keys.every((key) => Object.hasOwn(other, key) && (map[key] ?? '').startsWith(other[key] ?? ''))
    );
  });
}

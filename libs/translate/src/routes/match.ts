import type { HTTPMatchRequest, StringMatch } from '@isthmus/proto/istio';
import type { RouteMatchSchema } from '@isthmus/proto/envoy';
import { compareText } from '../ordered.ts';
import { claimMatcher } from './claim-match.ts';
import { headerMatcher, meansPresent, queryMatcher } from './string-match.ts';
import type { Init } from './init.ts';
import type { RouteContext } from './route-context.ts';
import type { HeaderMatcherInit } from './string-match.ts';
import type { MetadataMatcherInit } from './claim-match.ts';

export type MatchInit = Init<typeof RouteMatchSchema>;

/** Whether the match can be true for this proxy at all: port, gateway, and the caller's labels and namespace. */
export function appliesHere(match: HTTPMatchRequest, at: RouteContext): boolean {
  if (match.port !== 0 && match.port !== at.port) return false;
  // Where gateways are named, labels and namespace of the source are not looked at (istiod: sourceMatchHTTP).
  if (match.gateways.length > 0) return match.gateways.includes(at.gateway);
  if (!Object.entries(match.sourceLabels).every(([key, value]) => at.proxy.labels[key] === value)) return false;
  return match.sourceNamespace === '' || match.sourceNamespace === at.proxy.namespace;
}

export function routeMatch(match: HTTPMatchRequest | undefined): MatchInit {
  if (match === undefined) return { pathSpecifier: { case: 'prefix', value: '/' } };
  const headers: HeaderMatcherInit[] = [];
  const claims: MetadataMatcherInit[] = [];
  for (const [name, value] of sorted(match.headers)) {
    const claim = claimMatcher(name, value, false);
    if (claim === undefined) headers.push(headerMatcher(name, value));
    else claims.push(claim);
  }
  for (const [name, value] of sorted(match.withoutHeaders)) {
    const claim = claimMatcher(name, value, true);
    if (claim === undefined) headers.push(without(name, value));
    else claims.push(claim);
  }
  headers.sort((a, b) => compareText(a.name ?? '', b.name ?? ''));
  if (match.method !== undefined) headers.push(headerMatcher(':method', match.method));
  if (match.authority !== undefined) headers.push(headerMatcher(':authority', match.authority));
  if (match.scheme !== undefined) headers.push(headerMatcher(':scheme', match.scheme));
  return {
    pathSpecifier: path(match.uri),
    caseSensitive: !match.ignoreUriCase,
    headers,
    queryParameters: sorted(match.queryParams).map(([name, value]) => queryMatcher(name, value)),
    dynamicMetadata: claims,
  };
}

function without(name: string, match: StringMatch): HeaderMatcherInit {
  // A header that is missing is not the forbidden one; Envoy takes no treat_missing_header_as_empty beside present_match.
  return { ...headerMatcher(name, match), invertMatch: true, treatMissingHeaderAsEmpty: !meansPresent(match) };
}

function path(uri: StringMatch | undefined): NonNullable<MatchInit['pathSpecifier']> {
  const match = uri?.matchType;
  switch (match?.case) {
    case 'exact':
      return { case: 'path', value: match.value };
    case 'prefix':
      return { case: 'prefix', value: match.value };
    case 'regex':
      return { case: 'safeRegex', value: { regex: match.value } };
    case undefined:
      return { case: 'prefix', value: '/' };
    default:
      return match satisfies never;
  }
}

/** Whether nothing behind this route is ever reached. */
export function isCatchAll(match: MatchInit): boolean {
  const { pathSpecifier: path, headers = [], queryParameters = [], dynamicMetadata = [] } = match;
  if (headers.length + queryParameters.length + dynamicMetadata.length > 0) return false;
  return (path?.case === 'prefix' && path.value === '/') || (path?.case === 'safeRegex' && path.value.regex === '.*');
}

function sorted<T>(map: Readonly<Record<string, T>>): readonly (readonly [string, T])[] {
  return Object.entries(map).sort(([a], [b]) => compareText(a, b));
}

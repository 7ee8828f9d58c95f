import type { HTTPMatchRequest, HTTPRoute, IstioObject } from '@isthmus/proto/istio';
import { directResponseAction, redirectAction } from './answers.ts';
import { perFilterConfig } from './filters.ts';
import { NO_OPERATIONS, headerOperations } from './header-operations.ts';
import { appliesHere, isCatchAll, routeMatch } from './match.ts';
import { forwarding } from './route-action.ts';
import type { HeaderOperations } from './header-operations.ts';
import type { MatchInit } from './match.ts';
import type { RouteContext, RouteInit } from './route-context.ts';

type HeaderLists = Pick<
  RouteInit,
  'requestHeadersToAdd' | 'requestHeadersToRemove' | 'responseHeadersToAdd' | 'responseHeadersToRemove'
>;

/** A route and whether it takes all that reaches it. */
export interface HttpRoute {
  readonly route: RouteInit;
  readonly catchAll: boolean;
}

/** The routes of a VirtualService whose names are resolved, in the rule's order, up to the first that takes everything; none: it is not for this proxy. */
export function httpRoutes(rule: IstioObject<'VirtualService'>, at: RouteContext): readonly HttpRoute[] {
  const routes: HttpRoute[] = [];
  for (const http of rule.spec.http) {
    for (const match of http.match.length === 0 ? [undefined] : http.match) {
      if (match !== undefined && !appliesHere(match, at)) continue;
      const route = httpRoute(rule.name, http, match, at);
      if (route === undefined) continue;
      routes.push(route);
      if (route.catchAll) return routes;
    }
    if (http.match.length === 0) return routes;
  }
  return routes;
}

function httpRoute(
  ruleName: string,
  http: HTTPRoute,
  match: HTTPMatchRequest | undefined,
  at: RouteContext,
): HttpRoute | undefined {
  const own = headerOperations(http.headers);
  const answer =
    http.redirect !== undefined
      ? redirectAction(http.redirect, at)
      : http.directResponse !== undefined
        ? directResponseAction(http.directResponse)
        : undefined;
  const forward = answer === undefined ? forwarding(http, own.authority, at) : undefined;
  const action = answer ?? (forward === undefined ? undefined : { case: 'route' as const, value: forward.action });
  // Neither an answer nor a destination: validation refuses it, and Envoy would refuse all routes for it.
  if (action === undefined) return undefined;
  const matcher = routeMatch(match);
  const name = match === undefined || match.name === '' ? http.name : `${http.name}.${match.name}`;
  return {
    catchAll: isCatchAll(matcher),
    route: {
      name,
      match: matcher,
      action,
      decorator: { operation: operation(matcher, action, ruleName, at) },
      typedPerFilterConfig: perFilterConfig(http),
      statPrefix: match?.statPrefix ?? '',
      ...joined(own, forward?.headers),
    },
  };
}

function joined(route: HeaderOperations, destination: HeaderOperations = NO_OPERATIONS): HeaderLists {
  return {
    requestHeadersToAdd: [...route.requestHeadersToAdd, ...destination.requestHeadersToAdd],
    requestHeadersToRemove: [...route.requestHeadersToRemove, ...destination.requestHeadersToRemove],
    responseHeadersToAdd: [...route.responseHeadersToAdd, ...destination.responseHeadersToAdd],
    responseHeadersToRemove: [...route.responseHeadersToRemove, ...destination.responseHeadersToRemove],
  };
}

/** What traces call it: the destination where there is one, else the rule. */
function operation(match: MatchInit, action: NonNullable<RouteInit['action']>, ruleName: string, at: RouteContext): string {
  const specifier = action.case === 'route' ? action.value.clusterSpecifier : undefined;
  const [, port, , host] = specifier?.case === 'cluster' ? specifier.value.split('|') : [];
  return host === undefined ? `${ruleName}:${at.port}${pathOf(match)}` : `${host}:${port}${pathOf(match)}`;
}

function pathOf({ pathSpecifier: path }: MatchInit): string {
  if (path?.case === 'prefix') return `${path.value}*`;
  if (path?.case === 'path') return path.value;
  return path?.case === 'safeRegex' ? (path.value.regex ?? '') : '/*';
}

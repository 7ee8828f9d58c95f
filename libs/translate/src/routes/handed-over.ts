import { MARK_HEADER, POLICIES } from '@isthmus/ladder';
import type { HandOver, Policy } from '@isthmus/ladder';
import type { MeshHost } from '@isthmus/model';
import { breaksCircuits } from '../clusters/bare.ts';
import { bareName } from '../names.ts';
import type { RouteMatchSchema } from '@isthmus/proto/envoy';
import type { Init } from './init.ts';
import { NO_TIMEOUT } from './route-action.ts';
import type { ActionInit } from './route-action.ts';
import type { RouteContext, RouteInit } from './route-context.ts';

type HeaderInit = NonNullable<Init<typeof RouteMatchSchema>['headers']>[number];

type Weighted = NonNullable<Extract<ActionInit['clusterSpecifier'], { case: 'weightedClusters' }>['value']['clusters']>;
type Weight = Exclude<Weighted[number], { $typeName: string }>;

/** Where the DestinationRule of a cluster's host is looked up. */
type Rules = Pick<RouteContext, 'destinationRule'>;

/**
 * The routes of a target for callers whose process keeps some policies: for each mark, for every other mark, and for calls without one.
 * The mark never leaves the sidecar. The same list where nothing is handed over.
 */
export function handedOver(routes: readonly RouteInit[], over: HandOver | undefined, rules: Rules): readonly RouteInit[] {
  if (over === undefined) return routes;
  const variant = (kept: readonly Policy[], match?: HeaderInit): readonly RouteInit[] =>
    routes.map((route) => without(route, kept, match, rules));
  return [
    ...over.marked.flatMap(({ mark, kept }) => variant(kept, exactly(mark))),
    ...(over.unmarked.length === POLICIES.length ? [] : variant(POLICIES, PRESENT)),
    ...variant(over.unmarked),
  ];
}

/** What makes two of the same routes different: part of the key under which they are kept. */
export function leftBy(over: HandOver | undefined): string {
  return over === undefined ? '' : JSON.stringify(over);
}

const PRESENT: HeaderInit = { name: MARK_HEADER, headerMatchSpecifier: { case: 'presentMatch', value: true } };

function exactly(value: string): HeaderInit {
  const stringMatch = { case: 'stringMatch' as const, value: { matchPattern: { case: 'exact' as const, value } } };
  return { name: MARK_HEADER, headerMatchSpecifier: stringMatch };
}

function without(route: RouteInit, kept: readonly Policy[], match: HeaderInit | undefined, rules: Rules): RouteInit {
  const action = route.action?.case === 'route' ? (route.action.value as ActionInit) : undefined;
  const matcher = route.match as Init<typeof RouteMatchSchema>;
  return {
    ...route,
    ...(match !== undefined && { match: { ...matcher, headers: [...(matcher.headers ?? []), match] } }),
    ...(action !== undefined && { action: { case: 'route', value: actionWithout(action, kept, rules) } }),
    requestHeadersToRemove: [...(route.requestHeadersToRemove ?? []), MARK_HEADER],
  };
}

function actionWithout({ retryPolicy, ...action }: ActionInit, kept: readonly Policy[], rules: Rules): ActionInit {
  return {
    ...action,
    ...(retryPolicy !== undefined && !kept.includes('retry') && { retryPolicy }),
    // 0 is none, and not Envoy's 15 s. What one attempt may take is the retries' own.
    ...(kept.includes('timeout') && { timeout: NO_TIMEOUT, maxGrpcTimeout: NO_TIMEOUT }),
    ...(kept.includes('circuitBreaking') && bareDestination(action, rules)),
  };
}

function bareDestination({ clusterSpecifier: to }: ActionInit, rules: Rules): ActionInit {
  if (to?.case === 'cluster') return { clusterSpecifier: { case: 'cluster', value: bare(to.value, rules) } };
  if (to?.case !== 'weightedClusters') return {};
  const clusters = (to.value.clusters ?? []).map((cluster) => ({
    ...(cluster as Weight),
    name: bare(cluster.name ?? '', rules),
  }));
  return { clusterSpecifier: { case: 'weightedClusters', value: { clusters } } };
}

/** The cluster beside it that breaks no circuits, where there is one (`bareClusters`). */
function bare(cluster: string, rules: Rules): string {
  const [mode, port, subset, host] = cluster.split('|');
  if (mode !== 'outbound' || host === undefined || !breaksCircuits(rules.destinationRule(host)?.spec)) return cluster;
  return bareName(host as MeshHost, Number(port), subset);
}

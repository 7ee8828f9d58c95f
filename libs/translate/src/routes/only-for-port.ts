import type { MatchInit } from './match.ts';
import type { RouteInit } from './route-context.ts';

/** Envoy's `ignore_port_in_host_matching` makes hosts equal whatever their port: a second HTTP port is told apart by the whole Host. */
export function onlyForPort(route: RouteInit, port: number): RouteInit {
  const suffix = { case: 'suffix' as const, value: `:${port}` };
  const named = {
    name: ':authority',
    headerMatchSpecifier: { case: 'stringMatch' as const, value: { matchPattern: suffix } },
  };
  return { ...route, match: { ...(route.match as MatchInit), headers: [...(route.match?.headers ?? []), named] } };
}

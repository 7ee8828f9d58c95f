import { isHeld } from '@isthmus/catalog';
import type { Catalog, KnownRecord, ScopeState } from '@isthmus/catalog';
import type { RetainedView } from '@isthmus/contract';
import { endpointKey, scopeId, scopeOf } from '@isthmus/model';
import type { Endpoint, MeshHost } from '@isthmus/model';

/** How old things are, in the catalog's own time. */

/** Milliseconds since the registry last confirmed what is known of a scope; undefined: it never did. */
export function ageOf(state: ScopeState, now: number): number | undefined {
  // A live scope is as old as now: its source would have said otherwise.
  if (state.status.state === 'live') return 0;
  return state.asOf === undefined ? undefined : Math.max(0, now - state.asOf);
}

/** Of a host, which is as old as the oldest of what it is made of. */
export function agesOfHost(catalog: Catalog, host: MeshHost): { readonly ageMs?: number; readonly changedMs?: number } {
  const now = catalog.now();
  const records = catalog.recordsOf(host);
  if (records.length === 0) return {};
  const ages = records.map((known) => ageOfRecord(catalog, known) ?? Number.POSITIVE_INFINITY);
  const oldest = Math.max(...ages);
  const changedMs = Math.max(0, now - Math.max(...records.map(({ changedAt }) => changedAt)));
  return Number.isFinite(oldest) ? { ageMs: oldest, changedMs } : { changedMs };
}

export function ageOfRecord(catalog: Catalog, { record }: KnownRecord): number | undefined {
  const state = catalog.scopeById(scopeId(scopeOf(record.key)));
  return state === undefined ? undefined : ageOf(state, catalog.now());
}

/** Why an endpoint is published that its registry no longer lists or calls unhealthy, and for how long. */
export function retainedView(catalog: Catalog, known: KnownRecord, endpoint: Endpoint): RetainedView | undefined {
  const retained = known.retained.get(endpointKey(endpoint));
  const state = catalog.scopeById(scopeId(scopeOf(known.record.key)));
  if (retained === undefined || state === undefined) return undefined;
  return {
    why: retained.why,
    ...(retained.listed === undefined ? {} : { listed: retained.listed }),
    forMs: Math.max(0, catalog.now() - retained.since),
    // The time of a mass removal stands still while its source does not follow the registry.
    ...(isHeld(retained) && state.status.state !== 'live' ? {} : { goesInMs: catalog.goesIn(state, retained) }),
  };
}

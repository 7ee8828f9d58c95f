import type { Catalog, ScopeState } from '@isthmus/catalog';
import { scopeId } from '@isthmus/model';
import type { Ledger, ScopeAge } from '@isthmus/model';

/** A registry that is away for less than this is not worth the writing, ms. */
const AWAY_MS = 10_000;

/** Services between two chances for the event loop. */
const STEP = 500;

/** Where the leader puts what it knows of a scope; see `SharedLedger.freeze`. */
interface Freezer {
  readonly frozen: ReadonlyMap<string, unknown>;
  freeze(key: string, value: unknown): void;
}

/** The mark of a scope; its services lie beside it, under `/ID`. */
const markOf = (scope: string): string => `scope ${scope}`;
const SERVICE = '/';

/**
 * While a registry is away nothing changes in what is known of it, and only then it matters what each replica knows: one that
 * starts now would know what its own file knew when it stopped, or nothing. So the leader writes a scope down once when its
 * registry is lost, and forgets it when it is back. Run it every second, in steps of about a millisecond.
 */
export function* freezeStale(store: Freezer, catalog: Pick<Catalog, 'scopes' | 'now'>): Generator<void, void> {
  for (const state of catalog.scopes()) {
    const id = scopeId(state.scope);
    const mark = store.frozen.get(markOf(id)) as ScopeAge | undefined;
    if (state.status.state === 'live') {
      if (mark !== undefined) yield* thaw(store, id);
    } else if (state.status.state === 'stale' && state.lastSync !== undefined && isAway(state, catalog.now())) {
      // Another leader may have heard the registry for longer.
      if (mark === undefined || mark.asOf < (state.asOf ?? 0)) yield* write(store, state, id);
    }
  }
}

function isAway(state: ScopeState, now: number): boolean {
  return now - state.statusSince >= AWAY_MS && state.records.size > 0;
}

function* write(store: Freezer, state: ScopeState, id: string): Generator<void, void> {
  let steps = 0;
  for (const key of keysOf(store.frozen, id))
    if (!state.records.has(key.slice(SERVICE.length) as never)) store.freeze(key, undefined);
  for (const [service, { record }] of state.records) {
    store.freeze(`${SERVICE}${service}`, record);
    if (++steps % STEP === 0) yield;
  }
  store.freeze(markOf(id), { asOf: state.asOf ?? 0 } satisfies ScopeAge);
}

function* thaw(store: Freezer, id: string): Generator<void, void> {
  let steps = 0;
  for (const key of keysOf(store.frozen, id)) {
    store.freeze(key, undefined);
    if (++steps % STEP === 0) yield;
  }
  store.freeze(markOf(id), undefined);
}

function keysOf(frozen: ReadonlyMap<string, unknown>, scope: string): readonly string[] {
  return [...frozen.keys()].filter(
    (key) => key.startsWith(`${SERVICE}${scope}/`) && !key.slice(SERVICE.length + scope.length + 1).includes('/'),
  );
}

/** At the start: what was written down is this replica's last known good, where its own is older. Returns the scopes taken. */
export function takeFrozen(frozen: ReadonlyMap<string, unknown>, local: Ledger): readonly string[] {
  const taken: string[] = [];
  for (const [key, value] of frozen) {
    if (key.startsWith(SERVICE)) continue;
    const id = key.slice(markOf('').length);
    const own = local.get('scope', id) as ScopeAge | undefined;
    if (own !== undefined && own.asOf >= (value as ScopeAge).asOf) continue;
    const services = keysOf(frozen, id);
    const known = new Set(services.map((service) => service.slice(SERVICE.length)));
    for (const table of ['record', 'retained'] as const) {
      for (const service of [...local.entries(table).keys()]) {
        if (service.startsWith(`${id}/`) && !service.slice(id.length + 1).includes('/') && !known.has(service))
          local.delete(table, service);
      }
    }
    for (const service of services) local.put('record', service.slice(SERVICE.length), frozen.get(service));
    local.put('scope', id, value);
    taken.push(id);
  }
  return taken;
}

import { scopeId, scopeOf } from '@isthmus/model';
import type {
  Clock,
  HeldRemoval,
  Ledger,
  Scope,
  ScopeAge,
  ScopeId,
  ServiceId,
  ServiceRecord,
  SourceId,
  SourceStatus,
} from '@isthmus/model';
import type { RetainedEndpoint } from '@isthmus/model';
import { HighWater } from './high-water.ts';
import { waitsFor } from './held-for.ts';
import { restoredRecord, retainedEntries } from './known-record.ts';
import { letGoOf, letGoService, nameLetGo } from './let-go.ts';
import type { GuardOptions } from './removal-guard.ts';
import { follows, isHeld } from './scope-state.ts';
import type { KnownRecord, Retained, ScopeState } from './scope-state.ts';
import { wellOf } from './turned-unhealthy.ts';

/** How much too old the ledger may say that a scope is, ms: it is not written for every change. */
const AGE_PRECISION_MS = 300_000;
const MOST_HELD_NAMES = 20;
/** Away for that long, and a registry may drop providers that live: Nacos does so after 20 s, the others later. */
const OUTAGE_MS = 15_000;

/** The scopes and their records, in memory and in the ledger alike. */
export class ScopeTable {
  readonly #scopes = new Map<ScopeId, ScopeState>();
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #guard: GuardOptions;
  readonly #restartGrace: (source: SourceId) => number;
  /** Services with retained or refused endpoints, of all scopes. */
  #waiting = 0;
  /** When this replica decided to let them go, as the leader: the same however often it is said. */
  readonly #decidedAt = new WeakMap<Retained, number>();

  constructor(ledger: Ledger, clock: Clock, guard: GuardOptions, restartGrace: (source: SourceId) => number) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#guard = guard;
    this.#restartGrace = restartGrace;
  }

  get waiting(): number {
    return this.#waiting;
  }

  all(): Iterable<ScopeState> {
    return this.#scopes.values();
  }

  byId(id: string): ScopeState | undefined {
    return this.#scopes.get(id as ScopeId);
  }

  *waitingServices(): Generator<ServiceId> {
    for (const { waiting } of this.#scopes.values()) yield* waiting;
  }

  ofService(id: ServiceId): ScopeState | undefined {
    return this.byId(id.slice(0, id.lastIndexOf('/')));
  }

  recordOf(id: ServiceId): KnownRecord | undefined {
    return this.ofService(id)?.records.get(id);
  }

  of(scope: Scope): ScopeState {
    const id = scopeId(scope);
    let state = this.#scopes.get(id);
    if (state === undefined) {
      state = {
        scope,
        status: { state: 'syncing' },
        statusSince: this.#clock.now(),
        lastSync: undefined,
        asOf: undefined,
        records: new Map(),
        size: 0,
        listed: 0,
        emptySince: undefined,
        highWater: new HighWater(this.#guard.windowMs),
        well: 0,
        wellWater: new HighWater(this.#guard.windowMs),
        waiting: new Set(),
        retained: { mass: 0, outage: 0, flap: 0 },
        unhealthy: 0,
        watchedFrom: 0,
        awaySince: undefined,
        doubted: undefined,
        heldMost: 0,
        heldWell: 0,
        held: undefined,
        diagnostics: [],
      };
      this.#scopes.set(id, state);
    }
    return state;
  }

  /** What the ledger knows, stale until its registry speaks; what belongs to other sources is dropped from it. */
  *restore(isOurs: (source: SourceId) => boolean, watched: number): Generator<KnownRecord> {
    const now = this.#clock.now();
    const held = new Map(this.#ledger.entries('held')) as ReadonlyMap<string, HeldRemoval>;
    for (const table of ['record', 'retained', 'tombstone', 'scope', 'held'] as const) {
      for (const key of [...this.#ledger.entries(table).keys()]) {
        const source = key.slice(0, key.indexOf('/')) as SourceId;
        // What the leader let go is, whoever leads; how many are held is counted again from what is retained.
        const isSaidAnew = table === 'held' && (this.#ledger.writer === undefined || letGoService(key) === undefined);
        if (isSaidAnew || (table !== 'held' && !isOurs(source))) this.#ledger.delete(table, key);
      }
    }
    for (const [key, value] of this.#ledger.entries('record')) {
      const record = value as ServiceRecord;
      const scope = this.of(scopeOf(record.key));
      const age = this.#ledger.get('scope', scopeId(scope.scope)) as ScopeAge | undefined;
      scope.asOf = age?.asOf;
      scope.status = {
        state: 'stale',
        since: age?.asOf ?? now,
        cause: 'not read since this bridge started; this is what it knew before',
      };
      const retained = (this.#ledger.get('retained', key) ?? []) as readonly RetainedEndpoint[];
      const grace = this.#restartGrace(scope.scope.source);
      const waits = retained.map((one) => ({
        ...one,
        since: Math.min(one.since, now),
        forMs: waitsFor(one, this.#guard, grace),
      }));
      const known = restoredRecord(record, waits, now, watched);
      this.#keep(scope, key as ServiceId, known);
      yield known;
    }
    for (const [id, scope] of this.#scopes) {
      if (scope.retained.mass > 0) scope.heldMost = held.get(id)?.most ?? scope.size;
      if (scope.unhealthy > 0) scope.heldWell = held.get(id)?.mostWell ?? scope.well;
      this.sayHeld(scope);
    }
  }

  setStatus(scope: ScopeState, status: SourceStatus, watched: number): void {
    // A bridge that restarted still knows what it knew: "syncing" would hide that it serves old state.
    if (status.state === 'syncing' && scope.status.state === 'stale') return;
    const [wasBack, isBack] = [backSince(scope.status), backSince(status)];
    // Time in which nobody watched confirms nothing.
    const begins = scope.status.state === status.state ? isBack !== undefined && wasBack === undefined : wasBack === undefined;
    if (begins && !(follows(scope.status) && follows(status))) scope.watchedFrom = watched;
    if (scope.status.state !== status.state) {
      scope.statusSince = this.#clock.now();
      // What it had then was confirmed for as long as it was heard, which ended before anybody noticed.
      if (scope.status.state === 'live') this.#confirmAt(scope, status.state === 'stale' ? status.since : this.#clock.now(), 0);
      if (scope.status.state === 'stale') this.#back(scope, this.#clock.now());
    }
    if (status.state === 'stale' && scope.lastSync !== undefined) {
      const isLost = scope.status.state !== 'stale' || (wasBack !== undefined && isBack === undefined);
      if (isLost) scope.awaySince = status.since;
      if (isBack !== undefined) this.#back(scope, isBack);
    }
    const longer = status.state === 'stale' && scope.status.state === 'stale' && scope.status.since < status.since;
    scope.status = longer ? { ...status, since: (scope.status as { since: number }).since } : status;
  }

  /** The registry was heard, and what is known is what it has. */
  confirmAge(scope: ScopeState, precisionMs = AGE_PRECISION_MS): void {
    this.#confirmAt(scope, this.#clock.now(), precisionMs);
  }

  #confirmAt(scope: ScopeState, at: number, precisionMs: number): void {
    scope.asOf = Math.min(at, this.#clock.now());
    const { asOf } = scope;
    const id = scopeId(scope.scope);
    const written = this.#ledger.get('scope', id) as ScopeAge | undefined;
    if (written === undefined || Math.abs(asOf - written.asOf) > precisionMs) this.#ledger.put('scope', id, { asOf });
  }

  /**
   * The registry is followed again. Providers that could not renew while it was away may be taken away by it, truly, before they are
   * back: what it drops one by one is kept for the grace of a restart, from when it was read again, also where its source then waits
   * for what is not listed yet: one grace, not two. Not after a start of ours: then it was us who were away.
   */
  #back(scope: ScopeState, at: number): void {
    const { awaySince } = scope;
    scope.awaySince = undefined;
    if (awaySince === undefined || at - awaySince < OUTAGE_MS) return;
    scope.doubted = { from: at, forMs: this.#restartGrace(scope.scope.source) };
  }

  put(scope: ScopeState, id: ServiceId, known: KnownRecord, recordChanged: boolean): void {
    const before = scope.records.get(id);
    // The ledger first: a fault of it leaves what waits waiting, so that it is tried again.
    if (recordChanged) this.#ledger.put('record', id, known.record);
    if (known.retained.size > 0) this.#ledger.put('retained', id, retainedEntries(known.retained));
    else if (before !== undefined && before.retained.size > 0) this.#ledger.delete('retained', id);
    this.#keep(scope, id, known);
  }

  drop(scope: ScopeState, id: ServiceId): void {
    this.#ledger.delete('record', id);
    this.#ledger.delete('retained', id);
    this.#keep(scope, id, undefined);
  }

  #keep(scope: ScopeState, id: ServiceId, known: KnownRecord | undefined): void {
    const before = scope.records.get(id);
    if (known === undefined) scope.records.delete(id);
    else scope.records.set(id, known);
    scope.size += (known?.record.endpoints.length ?? 0) - (before?.record.endpoints.length ?? 0);
    scope.well += wellOf(known?.record.endpoints ?? []) - wellOf(before?.record.endpoints ?? []);
    scope.listed += (known?.said?.endpoints.length ?? 0) - (before?.said?.endpoints.length ?? 0);
    count(scope, before?.retained, -1);
    count(scope, known?.retained, 1);
    const waitedFor = scope.waiting.size;
    if (known !== undefined && known.retained.size + known.refused.length > 0) scope.waiting.add(id);
    else scope.waiting.delete(id);
    this.#waiting += scope.waiting.size - waitedFor;
    scope.emptySince = scope.listed > 0 ? undefined : (scope.emptySince ?? this.#clock.now());
  }

  /**
   * Who lets go what is held there when it is due? With several replicas the leader, by naming it (`name`), and everyone when that is
   * written. What the leader does not hold each replica judges alone.
   */
  decides(scope: ScopeState): 'alone' | 'for all' | 'another' {
    const { writer } = this.#ledger;
    if (writer === undefined) return 'alone';
    if (writer.isWriter()) return 'for all';
    return this.#ledger.get('held', scopeId(scope.scope)) === undefined ? 'alone' : 'another';
  }

  /** Takes effect when it is written (`Catalog.ledgerChanged`). */
  name({ record }: KnownRecord, due: readonly (readonly [string, Retained])[]): void {
    const now = this.#clock.now();
    for (const [, retained] of due) if (!this.#decidedAt.has(retained)) this.#decidedAt.set(retained, now);
    nameLetGo(
      this.#ledger,
      record,
      due.map(([key, retained]) => [key, this.#decidedAt.get(retained) ?? now]),
    );
  }

  /** Which of a service's endpoints the leader let go, each when. */
  named(id: ServiceId): ReadonlyMap<string, number> {
    return new Map(letGoOf(this.#ledger, id));
  }

  /** Brings `held`, in memory and in the ledger, up to what is retained. */
  sayHeld(scope: ScopeState): void {
    const removing = scope.retained.mass + scope.retained.outage;
    if (removing === 0) {
      if (scope.held !== undefined) this.#ledger.delete('held', scopeId(scope.scope));
      scope.held = undefined;
      scope.heldMost = 0;
      scope.heldWell = 0;
      return;
    }
    const { heldMost: most, heldWell: mostWell, unhealthy } = scope;
    const isSame = scope.held?.removing === removing && scope.held.of === scope.size && scope.held.most === most;
    if (isSame && (scope.held?.unhealthy ?? 0) === unhealthy && (scope.held?.mostWell ?? 0) === mostWell) return;
    const services: string[] = [];
    let since = scope.held?.since ?? Number.POSITIVE_INFINITY;
    for (const service of scope.waiting) {
      const some = firstHeld(scope.records.get(service));
      if (some === undefined) continue;
      services.push(service);
      since = Math.min(since, some.since);
      if (services.length === MOST_HELD_NAMES) break;
    }
    const some = { ...(unhealthy === 0 ? {} : { unhealthy }), ...(mostWell === 0 ? {} : { mostWell }) };
    scope.held = { since, removing, of: scope.size, most, ...some, services: services.sort() };
    this.#ledger.put('held', scopeId(scope.scope), scope.held);
  }
}

function backSince(status: SourceStatus): number | undefined {
  return status.state === 'stale' ? status.backSince : undefined;
}

function count(scope: ScopeState, retained: ReadonlyMap<string, Retained> | undefined, by: 1 | -1): void {
  if (retained === undefined || retained.size === 0) return;
  for (const { why, listed } of retained.values()) {
    scope.retained[why] += by;
    if (listed === true) scope.unhealthy += by;
  }
}

function firstHeld(known: KnownRecord | undefined): Retained | undefined {
  return known?.retained.values().find(isHeld);
}

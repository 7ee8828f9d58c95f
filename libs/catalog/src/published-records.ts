import { endpointKey, scopeOf, serviceId } from '@isthmus/model';
import type { Clock, Endpoint, Ledger, ServiceId, ServiceRecord, SourceEvent, SourceId } from '@isthmus/model';
import { FlapDamper } from './flap-damper.ts';
import { doubtLeft } from './held-for.ts';
import { compare, publishedRecord, sameContent } from './known-record.ts';
import { LossMeasure } from './loss-measure.ts';
import type { ReadVerdict } from './loss-measure.ts';
import { TAKEN_A_STEP, dropRecord, publishRecord } from './publish-record.ts';
import type { Changes } from './publish-record.ts';
import { STEP, removalBetween } from './removal-guard.ts';
import type { GuardOptions } from './removal-guard.ts';
import { follows, isHeld } from './scope-state.ts';
import type { KnownRecord, Retained, ScopeState } from './scope-state.ts';
import { ScopeTable } from './scope-table.ts';
import { Tombstones } from './tombstones.ts';
import { WaitingRemovals } from './waiting-removals.ts';
import { WatchedTime } from './watched-time.ts';

export interface PublishedRecordsDeps {
  readonly guard: GuardOptions;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** How long removals of a source wait that was away itself, ms. Default 0: they do not. */
  readonly restartGrace?: ((source: SourceId) => number) | undefined;
  /** Default: each may. */
  readonly mayMistakeHealth?: ((source: SourceId) => boolean) | undefined;
}

/** How a complete read is taken. Undefined: a change of one service, judged alone. */
type Verdict = (ReadVerdict & { readonly mayGo: (retained: Retained) => boolean }) | undefined;

/**
 * What every registry said of its services, and what is published of it (docs/adr/0011-deletion-safety.md).
 *
 * What a registry no longer lists goes at once, unless it goes with too many others or comes and goes all the time: then it
 * is retained for a while (`WaitingRemovals`). What it lists comes at once, unless it is an older view of a registration that is over.
 */
export class PublishedRecords {
  readonly scopes: ScopeTable;
  readonly tombstones: Tombstones;
  /** What is retained, and when it goes. */
  readonly waiting: WaitingRemovals;
  readonly #guard: GuardOptions;
  readonly #clock: Clock;
  readonly #watched: WatchedTime;
  readonly #measure: LossMeasure;
  readonly #flaps: FlapDamper;
  readonly #mayMistakeHealth: (source: SourceId) => boolean;

  /** @param before of the config before this one */
  constructor(deps: PublishedRecordsDeps, before?: PublishedRecords) {
    const { guard, ledger, clock, restartGrace = () => 0, mayMistakeHealth = () => true } = deps;
    this.#mayMistakeHealth = mayMistakeHealth;
    this.#guard = guard;
    this.#clock = clock;
    this.#watched = new WatchedTime(clock);
    this.#measure = new LossMeasure(guard, clock);
    this.scopes = new ScopeTable(ledger, clock, guard, restartGrace);
    this.#flaps = new FlapDamper(guard.flap, before === undefined ? undefined : before.#flaps);
    this.tombstones = new Tombstones(ledger, guard.tombstoneTtlMs);
    const { scopes, tombstones } = this;
    this.waiting = new WaitingRemovals({ scopes, tombstones, measure: this.#measure, watched: this.#watched, clock });
  }

  /** Last known good from the ledger. */
  restore(isOurs: (source: SourceId) => boolean): Generator<KnownRecord> {
    this.#flaps.keep((id) => isOurs(id.slice(0, id.indexOf('/')) as SourceId));
    return this.scopes.restore(isOurs, this.#watched.now());
  }

  /**
   * `apply` in steps of about a millisecond: a complete read of 10,000 services must not hold the event loop. Events of
   * one source have to be finished one after the other; other sources may go on in between.
   */
  *applySteps(event: SourceEvent, changes: Changes): Generator<void> {
    this.#watched.now();
    switch (event.kind) {
      case 'snapshot':
        yield* this.#applySnapshot(this.scopes.of(event.scope), event.services, changes);
        break;
      case 'upsert':
        this.#applyOne(this.scopes.of(scopeOf(event.service.key)), serviceId(event.service.key), event.service, changes);
        break;
      case 'remove':
        this.#applyOne(this.scopes.of(scopeOf(event.key)), serviceId(event.key), undefined, changes);
        break;
      case 'status':
        this.scopes.setStatus(this.scopes.of(event.scope), event.status, this.#watched.now());
        break;
      case 'diagnostics':
        this.scopes.of(event.scope).diagnostics = event.diagnostics;
        break;
      default:
        event satisfies never;
    }
  }

  #applyOne(scope: ScopeState, id: ServiceId, said: ServiceRecord | undefined, changes: Changes): void {
    if (this.#take(scope, id, said, changes, undefined)) this.scopes.sayHeld(scope);
    if (scope.status.state === 'live') this.scopes.confirmAge(scope);
  }

  *#applySnapshot(scope: ScopeState, services: ReadonlyMap<ServiceId, ServiceRecord>, changes: Changes): Generator<void> {
    const watched = this.#watched.now();
    // The first read after an outage confirms nothing: nobody watched before it.
    const isFollowed = follows(scope.status);
    const isDue = (r: Retained) => isFollowed && isHeld(r) && this.waiting.isDue(scope, r, watched);
    const removal = yield* removalBetween(scope.records, services, isDue, this.#doubts(scope));
    // Once some are known to be gone the rest is measured from here.
    if (removal.confirmed > 0) this.#measure.anew(scope);
    // Mass also when most are back: a registry that fills up again does so one by one, and the rest is still on its way.
    const verdict: Verdict = { ...this.#measure.judgeRead(scope, removal), mayGo: isDue };
    let seen = 0;
    // What is new comes in at once; what would go may have to wait.
    for (const [id, record] of services) {
      this.#take(scope, id, record, changes, verdict);
      seen += 1;
      if (seen % TAKEN_A_STEP === 0) yield;
    }
    yield;
    for (const id of [...scope.records.keys()]) {
      seen += 1;
      if (seen % STEP === 0) yield;
      if (!services.has(id)) this.#take(scope, id, undefined, changes, verdict);
    }
    if (isFollowed) yield* this.waiting.nameDue(scope, watched, () => true);
    this.scopes.sayHeld(scope);
    const now = this.#clock.now();
    if (services.size === 0) scope.emptySince ??= now;
    scope.lastSync = now; // not before: whoever waits for a complete read would go on with half of it
    this.scopes.confirmAge(scope);
  }

  /** What the registry says of one service now. True when something changed. */
  #take(scope: ScopeState, id: ServiceId, said: ServiceRecord | undefined, changes: Changes, verdict: Verdict): boolean {
    const before = scope.records.get(id);
    const waits = before !== undefined && before.retained.size + before.refused.length > 0;
    const isSame = sameContent(before?.said, said);
    if (isSame && !(waits && verdict !== undefined)) {
      if (before?.restored === true) this.scopes.put(scope, id, { ...before, restored: false }, false);
      return false;
    }
    const now = this.#clock.now();
    const sifted = this.tombstones.sift(id, said?.endpoints ?? [], now);
    const comparison = compare(before, sifted.listed, this.#doubts(scope));
    const { lost, missing, added } = comparison;
    const retained = new Map(missing);
    if (verdict !== undefined) for (const [key, value] of missing) if (verdict.mayGo(value)) retained.delete(key);
    const isMass = verdict?.isMass ?? this.#measure.isMass(scope, lost.length, added);
    for (const endpoint of lost) this.#lose(scope, id, endpoint, isMass, retained);
    if (verdict?.isMassTurn ?? this.#measure.isMassTurn(scope, before, sifted.listed, comparison))
      for (const endpoint of comparison.turned) this.#doubt(scope, endpoint, retained);
    const changedAt = isSame ? (before?.changedAt ?? now) : now;
    const record = publishedRecord(before?.record, said, sifted, retained);
    if (record === undefined) dropRecord(this.scopes, scope, id, changes);
    else {
      const known = { record, said, changedAt, restored: false, retained, refused: sifted.refused };
      publishRecord(this.scopes, { scope, id, changes }, known, before);
    }
    return true;
  }

  #doubts({ scope }: ScopeState): boolean {
    return this.#guard.holdUnhealthy && this.#mayMistakeHealth(scope.source);
  }

  /** It is one of many that are called unhealthy at once: kept as it was, until its registry has said so for a while. */
  #doubt(scope: ScopeState, endpoint: Endpoint, retained: Map<string, Retained>): void {
    const now = this.#clock.now();
    const forMs = Math.max(this.#guard.confirmAfterMs, doubtLeft(scope, now));
    const since = { since: now, from: this.#watched.now() };
    retained.set(endpointKey(endpoint), { endpoint, ...since, why: 'mass', listed: true, forMs });
  }

  #lose(scope: ScopeState, id: ServiceId, endpoint: Endpoint, isMass: boolean, retained: Map<string, Retained>): void {
    const now = this.#clock.now();
    const doubtedFor = doubtLeft(scope, now);
    const key = endpointKey(endpoint);
    const wait = { endpoint, since: now, from: this.#watched.now() };
    // The registry itself is doubted: neither a flap nor the end of a registration.
    if (isMass) {
      const forMs = Math.max(this.#guard.confirmAfterMs, doubtedFor);
      return void retained.set(key, { ...wait, why: 'mass', forMs });
    }
    if (doubtedFor > 0) return void retained.set(key, { ...wait, why: 'outage', forMs: doubtedFor });
    this.tombstones.bury(id, endpoint, now);
    const forMs = this.#flaps.gone(`${id} ${key}`, now);
    if (forMs > 0) retained.set(key, { ...wait, why: 'flap', forMs });
  }
}

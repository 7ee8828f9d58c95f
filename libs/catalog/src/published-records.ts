import { endpointKey, scopeOf, serviceId } from '@isthmus/model';
import type { Clock, Endpoint, Ledger, ServiceId, ServiceRecord, SourceEvent, SourceId } from '@isthmus/model';
import { FlapDamper } from './flap-damper.ts';
import { doubtLeft, isConfirmed } from './held-for.ts';
import { compare, publishedRecord, sameContent } from './known-record.ts';
import { LossMeasure } from './loss-measure.ts';
import type { ReadVerdict } from './loss-measure.ts';
import { STEP, removalBetween } from './removal-guard.ts';
import type { GuardOptions } from './removal-guard.ts';
import { NOTHING_RETAINED, follows, isHeld } from './scope-state.ts';
import type { KnownRecord, Retained, ScopeState } from './scope-state.ts';
import { ScopeTable } from './scope-table.ts';
import { Tombstones } from './tombstones.ts';
import { WatchedTime } from './watched-time.ts';

/** Records of a complete read taken between two looks at the clock: with the ledger and all who are told 50 µs each, or 200 cold. */
const TAKEN_A_STEP = 20;

/** Who is told of records whose published content changed. */
export interface Changes {
  put(id: ServiceId, record: ServiceRecord): void;
  drop(id: ServiceId): void;
}

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

/** Which retained endpoints of a service may go. */
type MayGo = (id: ServiceId) => (retained: Retained, key: string) => boolean;

/**
 * What every registry said of its services, and what is published of it (docs/adr/0011-deletion-safety.md).
 *
 * What a registry no longer lists goes at once, unless it goes with too many others or comes and goes all the time: then it
 * is retained for a while. What it lists comes at once, unless it is an older view of a registration that is over.
 */
export class PublishedRecords {
  readonly scopes: ScopeTable;
  readonly tombstones: Tombstones;
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

  /** `confirmDue` in steps of about a millisecond. */
  *confirmSteps(changes: Changes): Generator<void> {
    const watched = this.#watched.now();
    for (const scope of this.scopes.all()) {
      if (scope.waiting.size === 0) continue;
      const isDue = (r: Retained): boolean => (!isHeld(r) || isConfirmed(scope, r)) && this.#isDue(scope, r, watched);
      yield* this.#letGo(scope, scope.waiting, changes, () => isDue);
      yield* this.#nameDue(scope, watched, (r) => isConfirmed(scope, r));
    }
  }

  /** Lets the removals that a scope holds go; answers how many endpoints go. */
  *releaseSteps(scope: ScopeState, changes: Changes): Generator<void, number> {
    const { mass, outage } = scope.retained;
    if (this.scopes.decides(scope) === 'for all') yield* this.#name(scope, () => true);
    else yield* this.#letGo(scope, scope.waiting, changes, () => isHeld);
    return mass + outage;
  }

  /**
   * The leader of the replicas named endpoints of these services; what of it is not held here stays as it is, and so does what was
   * lost after that was decided: it came back meanwhile, and waits anew.
   */
  *letGoNamed(services: Iterable<ServiceId>, changes: Changes): Generator<void> {
    for (const [scope, ids] of Map.groupBy(services, (id) => this.scopes.ofService(id))) {
      if (scope === undefined) continue;
      yield* this.#letGo(scope, ids, changes, (id) => {
        const named = this.scopes.named(id);
        return (retained, key) => isHeld(retained) && retained.since <= (named.get(key) ?? Number.NEGATIVE_INFINITY);
      });
    }
  }

  /** How long a retained endpoint stays at most from now on while its source is well, ms. */
  goesIn(scope: ScopeState, retained: Retained): number {
    return Math.max(0, this.#remaining(scope, retained, this.#watched.now()));
  }

  #applyOne(scope: ScopeState, id: ServiceId, said: ServiceRecord | undefined, changes: Changes): void {
    if (this.#take(scope, id, said, changes, undefined)) this.scopes.sayHeld(scope);
    if (scope.status.state === 'live') this.scopes.confirmAge(scope);
  }

  *#applySnapshot(scope: ScopeState, services: ReadonlyMap<ServiceId, ServiceRecord>, changes: Changes): Generator<void> {
    const watched = this.#watched.now();
    // The first read after an outage confirms nothing: nobody watched before it.
    const isFollowed = follows(scope.status);
    const isDue = (r: Retained) => isFollowed && isHeld(r) && this.#isDue(scope, r, watched);
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
    if (isFollowed) yield* this.#nameDue(scope, watched, () => true);
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
    if (record === undefined) this.#drop(scope, id, changes);
    else {
      const known = { record, said, changedAt, restored: false, retained, refused: sifted.refused };
      this.#publish(scope, id, known, before, changes);
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

  *#nameDue(scope: ScopeState, watched: number, may: (retained: Retained) => boolean): Generator<void> {
    if (this.scopes.decides(scope) !== 'for all') return;
    yield* this.#name(scope, (r) => may(r) && this.#remaining(scope, r, watched) <= 0);
  }

  *#name(scope: ScopeState, may: (retained: Retained) => boolean): Generator<void> {
    let seen = 0;
    for (const id of [...scope.waiting]) {
      seen += 1;
      if (seen % STEP === 0) yield;
      const known = scope.records.get(id);
      const due = [...(known?.retained ?? [])].filter(([, retained]) => isHeld(retained) && may(retained));
      if (known !== undefined && due.length > 0) this.scopes.name(known, due);
    }
  }

  /** Of services that wait, drops the retained endpoints that may go, and lets refused ones in whose tombstone is too old. */
  *#letGo(scope: ScopeState, services: Iterable<ServiceId>, changes: Changes, mayOf: MayGo): Generator<void> {
    let [seen, gone] = [0, 0];
    for (const id of [...services]) {
      seen += 1;
      if (seen % STEP === 0 || gone === TAKEN_A_STEP) {
        gone = 0;
        yield;
      }
      if (scope.waiting.has(id) && this.#letGoOf(scope, id, changes, mayOf(id))) gone += 1;
    }
    this.scopes.sayHeld(scope);
  }

  /** True when something went. */
  #letGoOf(scope: ScopeState, id: ServiceId, changes: Changes, may: ReturnType<MayGo>): boolean {
    const before = scope.records.get(id);
    if (before === undefined) return false;
    const { mass } = scope.retained;
    const retained = new Map([...before.retained].filter(([key, value]) => !may(value, key)));
    const sifted = this.tombstones.sift(id, before.said?.endpoints ?? [], this.#clock.now());
    if (retained.size === before.retained.size && sifted.refused.length === before.refused.length) return false;
    const record = publishedRecord(before.record, before.said, sifted, retained);
    if (record === undefined) this.#drop(scope, id, changes);
    else this.#publish(scope, id, { ...before, record, refused: sifted.refused, retained }, before, changes);
    // They are known to be gone: also what a registry says between two steps is measured without them.
    if (scope.retained.mass < mass) this.#measure.anew(scope);
    return true;
  }

  #publish(scope: ScopeState, id: ServiceId, known: KnownRecord, before: KnownRecord | undefined, changes: Changes): void {
    // Where nothing is retained or refused, before and now, what is published is what was said, and that is compared already.
    const plain = before?.said === before?.record && known.said === known.record && known.said !== before?.said;
    const changed = plain || !sameContent(before?.record, known.record);
    // Nearly always nothing is retained, and one empty map is enough for all.
    this.scopes.put(scope, id, known.retained.size === 0 ? { ...known, retained: NOTHING_RETAINED } : known, changed);
    if (changed) changes.put(id, known.record);
  }

  #drop(scope: ScopeState, id: ServiceId, changes: Changes): void {
    if (!scope.records.has(id)) return;
    this.scopes.drop(scope, id);
    changes.drop(id);
  }

  #isDue(scope: ScopeState, retained: Retained, watched: number): boolean {
    if (this.#remaining(scope, retained, watched) > 0) return false;
    return !isHeld(retained) || this.scopes.decides(scope) === 'alone';
  }

  #remaining(scope: ScopeState, retained: Retained, watched: number): number {
    const { from, forMs } = retained;
    return forMs - (watched - (isHeld(retained) ? Math.max(from, scope.watchedFrom) : from));
  }
}

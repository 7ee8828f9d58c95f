import { scopeId } from '@isthmus/model';
import type { Clock, ServiceId } from '@isthmus/model';
import { isConfirmed } from './held-for.ts';
import { publishedRecord } from './known-record.ts';
import type { LossMeasure } from './loss-measure.ts';
import { TAKEN_A_STEP, dropRecord, publishRecord } from './publish-record.ts';
import type { Changes } from './publish-record.ts';
import { STEP } from './removal-guard.ts';
import { isHeld } from './scope-state.ts';
import type { Retained, ScopeState } from './scope-state.ts';
import type { ScopeTable } from './scope-table.ts';
import type { Tombstones } from './tombstones.ts';
import type { WatchedTime } from './watched-time.ts';

/** Told of what failed at a scope or a service, which stays as it is: the others are to go on. May throw it on. */
export type LookFailed = (where: string, error: unknown) => void;

/** Which retained endpoints of a service may go. */
type MayGo = (id: ServiceId) => (retained: Retained, key: string) => boolean;

export interface WaitingRemovalsDeps {
  readonly scopes: ScopeTable;
  readonly tombstones: Tombstones;
  readonly measure: LossMeasure;
  readonly watched: WatchedTime;
  readonly clock: Clock;
}

/** The end of what is retained: when its time has come, when somebody releases it, or when the leader of the replicas names it. */
export class WaitingRemovals {
  readonly #scopes: ScopeTable;
  readonly #tombstones: Tombstones;
  readonly #measure: LossMeasure;
  readonly #watched: WatchedTime;
  readonly #clock: Clock;

  constructor({ scopes, tombstones, measure, watched, clock }: WaitingRemovalsDeps) {
    this.#scopes = scopes;
    this.#tombstones = tombstones;
    this.#measure = measure;
    this.#watched = watched;
    this.#clock = clock;
  }

  /** Lets go what has waited long enough, in steps of about a millisecond. */
  *confirmSteps(changes: Changes, failed: LookFailed): Generator<void> {
    const watched = this.#watched.now();
    for (const scope of this.#scopes.all()) {
      if (scope.waiting.size === 0) continue;
      const isDue = (r: Retained): boolean => (!isHeld(r) || isConfirmed(scope, r)) && this.isDue(scope, r, watched);
      try {
        yield* this.#letGo(scope, scope.waiting, changes, () => isDue, failed);
        yield* this.nameDue(scope, watched, (r) => isConfirmed(scope, r));
      } catch (error) {
        failed(scopeId(scope.scope), error);
      }
    }
  }

  /** Lets the removals that a scope holds go; answers how many endpoints go. */
  *releaseSteps(scope: ScopeState, changes: Changes): Generator<void, number> {
    const { mass, outage } = scope.retained;
    if (this.#scopes.decides(scope) === 'for all') yield* this.#name(scope, () => true);
    else yield* this.#letGo(scope, scope.waiting, changes, () => isHeld);
    return mass + outage;
  }

  /**
   * The leader of the replicas named endpoints of these services; what of it is not held here stays as it is, and so does what was
   * lost after that was decided: it came back meanwhile, and waits anew.
   */
  *letGoNamed(services: Iterable<ServiceId>, changes: Changes, failed: LookFailed = throwOn): Generator<void> {
    for (const [scope, ids] of Map.groupBy(services, (id) => this.#scopes.ofService(id))) {
      if (scope === undefined) continue;
      const mayOf: MayGo = (id) => {
        const named = this.#scopes.named(id);
        return (retained, key) => isHeld(retained) && retained.since <= (named.get(key) ?? Number.NEGATIVE_INFINITY);
      };
      yield* this.#letGo(scope, ids, changes, mayOf, failed);
    }
  }

  /** How long a retained endpoint stays at most from now on while its source is well, ms. */
  goesIn(scope: ScopeState, retained: Retained): number {
    return Math.max(0, this.#remaining(scope, retained, this.#watched.now()));
  }

  /** It has waited long enough, and this replica alone decides. @param watched now, as `WatchedTime` has it */
  isDue(scope: ScopeState, retained: Retained, watched: number): boolean {
    if (this.#remaining(scope, retained, watched) > 0) return false;
    return !isHeld(retained) || this.#scopes.decides(scope) === 'alone';
  }

  /** In a scope whose removals the leader of the replicas decides: names those that may go now to all. */
  *nameDue(scope: ScopeState, watched: number, may: (retained: Retained) => boolean): Generator<void> {
    if (this.#scopes.decides(scope) !== 'for all') return;
    yield* this.#name(scope, (r) => may(r) && this.#remaining(scope, r, watched) <= 0);
  }

  *#name(scope: ScopeState, may: (retained: Retained) => boolean): Generator<void> {
    let seen = 0;
    for (const id of [...scope.waiting]) {
      seen += 1;
      if (seen % STEP === 0) yield;
      const known = scope.records.get(id);
      const due = [...(known?.retained ?? [])].filter(([, retained]) => isHeld(retained) && may(retained));
      if (known !== undefined && due.length > 0) this.#scopes.name(known, due);
    }
  }

  /** Of services that wait, drops the retained endpoints that may go, and lets refused ones in whose tombstone is too old. */
  *#letGo(
    scope: ScopeState,
    services: Iterable<ServiceId>,
    changes: Changes,
    mayOf: MayGo,
    failed: LookFailed = throwOn,
  ): Generator<void> {
    let [seen, gone] = [0, 0];
    for (const id of [...services]) {
      seen += 1;
      if (seen % STEP === 0 || gone === TAKEN_A_STEP) {
        gone = 0;
        yield;
      }
      try {
        if (scope.waiting.has(id) && this.#letGoOf(scope, id, changes, mayOf(id))) gone += 1;
      } catch (error) {
        failed(id, error);
      }
    }
    this.#scopes.sayHeld(scope);
  }

  /** True when something went. */
  #letGoOf(scope: ScopeState, id: ServiceId, changes: Changes, may: ReturnType<MayGo>): boolean {
    const before = scope.records.get(id);
    if (before === undefined) return false;
    const { mass } = scope.retained;
    const retained = new Map([...before.retained].filter(([key, value]) => !may(value, key)));
    const sifted = this.#tombstones.sift(id, before.said?.endpoints ?? [], this.#clock.now());
    if (retained.size === before.retained.size && sifted.refused.length === before.refused.length) return false;
    const record = publishedRecord(before.record, before.said, sifted, retained);
    if (record === undefined) dropRecord(this.#scopes, scope, id, changes);
    else {
      const known = { ...before, record, refused: sifted.refused, retained };
      publishRecord(this.#scopes, { scope, id, changes }, known, before);
    }
    // They are known to be gone: also what a registry says between two steps is measured without them.
    if (scope.retained.mass < mass) this.#measure.anew(scope);
    return true;
  }

  #remaining(scope: ScopeState, retained: Retained, watched: number): number {
    const { from, forMs } = retained;
    return forMs - (watched - (isHeld(retained) ? Math.max(from, scope.watchedFrom) : from));
  }
}

export function throwOn(_: string, error: unknown): void {
  throw error;
}

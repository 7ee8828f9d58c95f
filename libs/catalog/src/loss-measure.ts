import type { Clock, Endpoint } from '@isthmus/model';
import type { Comparison } from './known-record.ts';
import { isMassLoss, isMassRead, isMassTurn } from './removal-guard.ts';
import type { GuardOptions, Removal } from './removal-guard.ts';
import type { KnownRecord, ScopeState } from './scope-state.ts';
import { wellOf } from './turned-unhealthy.ts';

/** What of a complete read is held. */
export interface ReadVerdict {
  /** What it no longer lists. */
  readonly isMass: boolean;
  /** What it calls unhealthy. */
  readonly isMassTurn: boolean;
}

/** Whether a scope loses too much, against what it had within the guard's window or when something began to be held. */
export class LossMeasure {
  readonly #guard: GuardOptions;
  readonly #clock: Clock;

  constructor(guard: GuardOptions, clock: Clock) {
    this.#guard = guard;
    this.#clock = clock;
  }

  judgeRead(scope: ScopeState, removal: Removal): ReadVerdict {
    const most = this.#most(scope, removal.of);
    const isMass = isMassRead(removal, most, this.#guard);
    if (isMass) scope.heldMost = most;
    const mostWell = this.#mostWell(scope, removal.well);
    const isTurn = isMassTurn(removal, mostWell, this.#guard);
    if (isTurn) scope.heldWell = mostWell;
    return { isMass, isMassTurn: isTurn };
  }

  /** Of a change of one service. */
  isMass(scope: ScopeState, lost: number, added: number): boolean {
    if (lost === 0) return false;
    const most = this.#most(scope, scope.size);
    // What waits because of an outage goes all at once when that is over: it counts as gone, so that they do not go as one.
    const isMass = isMassLoss(scope.size - scope.retained.outage - lost + added, most, this.#guard);
    if (isMass) scope.heldMost = most;
    return isMass;
  }

  /** Of a change of one service: what it calls unhealthy. */
  isMassTurn(scope: ScopeState, before: KnownRecord | undefined, listed: readonly Endpoint[], after: Comparison): boolean {
    if (before === undefined || after.lost.length + after.turned.length === 0) return false;
    const most = this.#mostWell(scope, scope.well);
    if (after.turned.length === 0) return false;
    const kept = wellOf([...after.missing.values()].map(({ endpoint }) => endpoint));
    const left = scope.well - scope.retained.outage - wellOf(before.record.endpoints) + wellOf(listed) + kept;
    const isMass = isMassLoss(left, most, this.#guard);
    if (isMass) scope.heldWell = most;
    return isMass;
  }

  /** What was held is known to be gone: measure from here. */
  anew(scope: ScopeState): void {
    scope.highWater.reset();
    scope.wellWater.reset();
    scope.heldMost = 0;
    scope.heldWell = 0;
  }

  /** The most within the window, and while something is held the most at its beginning. */
  #most(scope: ScopeState, size: number): number {
    return Math.max(scope.highWater.note(this.#clock.now(), size), scope.heldMost);
  }

  #mostWell(scope: ScopeState, well: number): number {
    return Math.max(scope.wellWater.note(this.#clock.now(), well), scope.heldWell);
  }
}

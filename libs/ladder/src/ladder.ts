import { POLICIES } from './owners.ts';
import type { Policy } from './owners.ts';
import { lowerOf, rankOf, rungBelow } from './rung.ts';
import type { Rung } from './rung.ts';
import { isInShare } from './share.ts';

/** Where a consumer and a target are, or shall be. */
export interface Position {
  readonly rung: Rung;
  /** Share of the calls that are on this rung, 0–100; the others are on the rung below. */
  readonly percent: number;
  /** What the sidecar does at `resilience`. */
  readonly hand: readonly Policy[];
}

/** One consumer and one target. */
export interface LadderState {
  readonly desired: Position;
  /** The highest rung whose conditions hold now. */
  readonly ready: Rung;
  /** The SDK's registration and its view are there to go back to. */
  readonly registered: boolean;
  /** What holds now; derived from the others, and from where it was when that was `retired`. */
  readonly effective: Position;
}

export type LadderEvent =
  | { readonly kind: 'desire'; readonly position: Position }
  | { readonly kind: 'ready'; readonly highest: Rung }
  | { readonly kind: 'registration'; readonly registered: boolean };

const NOTHING: readonly Policy[] = [];

export const AT_SDK: Position = { rung: 'sdk', percent: 100, hand: NOTHING };

export const START: LadderState = { desired: AT_SDK, ready: 'sdk', registered: true, effective: AT_SDK };

/** A position from what a plan's step says; what it leaves out is everything. */
export function positionOf(rung: Rung, percent = 100, hand: readonly Policy[] = POLICIES): Position {
  return { rung, percent, hand: rung === 'resilience' ? hand : rung === 'retired' ? POLICIES : NOTHING };
}

/**
 * The whole machine: effective = min(desired, ready), at once in both directions, but for one thing: from `retired` nothing leads
 * down until the SDK is registered again, because there is nothing there to call.
 */
export function step(state: LadderState, event: LadderEvent): LadderState {
  switch (event.kind) {
    case 'desire':
      return settled({ ...state, desired: event.position });
    case 'ready':
      return event.highest === state.ready ? state : settled({ ...state, ready: event.highest });
    case 'registration':
      return settled({ ...state, registered: event.registered });
    default:
      return event satisfies never;
  }
}

/** The rung of one call by its place (`bucketOf`). The rest of a share is one rung lower, never higher than what is ready. */
export function rungOfCall({ effective }: LadderState, bucket: number): Rung {
  return isInShare(bucket, effective.percent) ? effective.rung : rungBelow(effective.rung);
}

function settled(state: LadderState): LadderState {
  if (state.effective.rung === 'retired' && !state.registered) return state;
  return { ...state, effective: attainable(state) };
}

function attainable({ desired, ready }: LadderState): Position {
  const rung = lowerOf(desired.rung, ready);
  if (rankOf(rung) === rankOf(desired.rung)) return desired;
  // Below what is desired all calls are together: the share is of a rung that nobody is on.
  return rung === 'sdk' ? AT_SDK : positionOf(rung);
}

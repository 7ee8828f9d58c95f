/** When a sidecar counts as lost, and when as back. Times are milliseconds of a clock that never goes back. */
export interface HysteresisLimits {
  /** Failures in a row that lose it; 2 by default. One that proves it (a refused connection) loses it at once. */
  readonly loseAfter: number;
  /** Successes for at least this long, and at least two, regain it; 2,000 by default. */
  readonly regainAfterMs: number;
  /** Lost again within this time after it was regained, the next wait is twice as long; 60,000 by default. */
  readonly flapWithinMs: number;
  /** The longest wait; 300,000 by default. */
  readonly regainAtMostMs: number;
}

export const DEFAULT_LIMITS: HysteresisLimits = {
  loseAfter: 2,
  regainAfterMs: 2_000,
  flapWithinMs: 60_000,
  regainAtMostMs: 300_000,
};

export type Hysteresis =
  | { readonly kind: 'ready'; readonly since: number; readonly failures: number; readonly waitMs: number }
  /** `goodSince`: of the first success of the present row, absent after a failure. */
  | { readonly kind: 'lost'; readonly since: number; readonly goodSince?: number; readonly waitMs: number };

export type Observation = { readonly at: number; readonly outcome: 'good' | 'bad' | 'dead' };

/** Not ready until it was seen to be: a first success is enough, there is nothing yet that it could be flapping from. */
export const UNSEEN: Hysteresis = { kind: 'lost', since: 0, waitMs: 0 };

export function observe(state: Hysteresis, seen: Observation, limits: HysteresisLimits = DEFAULT_LIMITS): Hysteresis {
  switch (state.kind) {
    case 'ready': {
      if (seen.outcome === 'good') return state.failures === 0 ? state : { ...state, failures: 0 };
      const failures = state.failures + 1;
      if (seen.outcome === 'bad' && failures < limits.loseAfter) return { ...state, failures };
      return { kind: 'lost', since: seen.at, waitMs: nextWait(state, seen.at, limits) };
    }
    case 'lost': {
      if (seen.outcome !== 'good') return { kind: 'lost', since: state.since, waitMs: state.waitMs };
      if (state.waitMs > 0 && state.goodSince === undefined) return { ...state, goodSince: seen.at };
      if (seen.at - (state.goodSince ?? seen.at) < state.waitMs) return state;
      return { kind: 'ready', since: seen.at, failures: 0, waitMs: state.waitMs };
    }
    default:
      return state satisfies never;
  }
}

function nextWait(ready: Extract<Hysteresis, { kind: 'ready' }>, at: number, limits: HysteresisLimits): number {
  const flapped = ready.waitMs > 0 && at - ready.since < limits.flapWithinMs;
  return flapped ? Math.min(limits.regainAtMostMs, ready.waitMs * 2) : limits.regainAfterMs;
}

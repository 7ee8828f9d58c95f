import type { RetainedEndpoint } from '@isthmus/model';
import type { GuardOptions } from './removal-guard.ts';
import type { ScopeState } from './scope-state.ts';

/** How long what waited before a restart or a change of the config waits anew, ms: no longer and no shorter than the config says now. */
export function waitsFor({ why, forMs }: RetainedEndpoint, guard: GuardOptions, restartGrace: number): number {
  if (why === 'flap') return Math.min(forMs, guard.flap.maxDelayMs);
  if (why === 'outage') return Math.min(forMs, restartGrace);
  return Math.max(guard.confirmAfterMs, Math.min(forMs, restartGrace));
}

/**
 * Whether the registry confirms by and by what is held: a source that follows it live is a second complete read all the time. While a
 * part of it cannot be read, what it lists is confirmed all the same, as unhealthy; what is missing may be in that part.
 */
export function isConfirmed({ status }: ScopeState, { listed }: Pick<RetainedEndpoint, 'listed'>): boolean {
  return status.state === 'live' || (status.state === 'partial' && listed === true);
}

/** Less than that is left when its source ends its own waiting, which is as long: not worth being held for, ms. */
const LEAST_DOUBT_MS = 1_000;

/** A clock that was set back ends the doubt: it must not last longer than it was meant to. */
export function doubtLeft({ doubted }: ScopeState, now: number): number {
  if (doubted === undefined || now < doubted.from) return 0;
  const left = doubted.from + doubted.forMs - now;
  return left < LEAST_DOUBT_MS ? 0 : left;
}

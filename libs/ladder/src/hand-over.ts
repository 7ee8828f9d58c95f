import type { Position } from './ladder.ts';
import { POLICIES, ownerOf } from './owners.ts';
import type { Policy } from './owners.ts';
import type { Rung } from './rung.ts';

/**
 * A request header from the agent to the sidecar beside it: the policies that the process keeps for this call, `timeout,retry` or
 * `none`, so that the sidecar leaves them to it (docs/adr/0023-who-owns-a-call.md).
 */
export const MARK_HEADER = 'x-isthmus-keeps';

/** What sidecars leave to the callers of one target, beside one consumer. */
export interface HandOver {
  /** Calls with one of these marks; any other mark means all policies. */
  readonly marked: readonly { readonly mark: string; readonly kept: readonly Policy[] }[];
  /** Calls without a mark. */
  readonly unmarked: readonly Policy[];
}

/** What the process itself does for a call of this rung that goes through the sidecar, in the order of `POLICIES`. */
export function keptBy(rung: Rung, hand: readonly Policy[]): readonly Policy[] {
  return POLICIES.filter((policy) => ownerOf(policy, rung, hand) === 'process');
}

/** The header's value. Two that keep the same have the same. */
export function markOf(kept: readonly Policy[]): string {
  return POLICIES.filter((policy) => kept.includes(policy)).join() || 'none';
}

/**
 * What a sidecar has to know of a plan's step. Marks count at every rung but `retired`: when a step changes, the agent and its sidecar
 * learn of it one after the other, and the mark says for each call who has what. A mark that the sidecar does not know yet leaves
 * everything to the process: for that moment a policy may have no owner, never two.
 * @param isNamed the plan names this consumer, so that calls without a mark are its agent's too (those that no header can be put on);
 * else they are of a process without an agent, which has no policies of its own. Undefined: nothing is left to anyone
 */
export function handOverOf({ rung, percent, hand }: Position, isNamed: boolean): HandOver | undefined {
  if (rung === 'retired') return undefined;
  const own = rung === 'resilience' ? keptBy(rung, hand) : POLICIES;
  const sets = [[], ...(own.length === 0 || own.length === POLICIES.length ? [] : [own])];
  const unmarked = !isNamed || (rung !== 'traffic' && rung !== 'resilience') ? [] : percent === 100 ? own : POLICIES;
  return { marked: sets.map((kept) => ({ mark: markOf(kept), kept })), unmarked };
}

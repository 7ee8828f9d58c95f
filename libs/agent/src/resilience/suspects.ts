import type { SidecarSeen } from '../sidecar-watch.ts';

/** Of a call that the sidecar has: how often that had been seen well when the call began. */
export interface Begun {
  readonly seen: SidecarSeen;
  readonly goodLooks: number;
}

export function begunWith(seen: SidecarSeen | undefined): Begun | undefined {
  return seen && { seen, goodLooks: seen.goodLooks };
}

/** The sidecar was found lost since the call began. */
export function wasHung({ seen, goodLooks }: Begun): boolean {
  return seen.lostAfter >= goodLooks;
}

/**
 * A sidecar that hangs is found lost within a second where somebody looks. Nobody does while no target wants it: what failed before
 * such a pause is not the fault of a sidecar that is found lost after it. More than a second, for machines that are busy.
 */
const FRESH_MS = 5_000;

/** Failures of calls that the sidecar had, since the last look that was good: theirs or the target's, which the next looks tell. */
export class Suspects {
  #since: Begun | undefined;
  /** When the latest of them failed. */
  #at = 0;

  /** One more. @returns whether it is the first */
  add({ seen }: Begun): boolean {
    const isFirst = this.#since === undefined;
    this.#since ??= { seen, goodLooks: seen.goodLooks };
    this.#at = performance.now();
    return isFirst;
  }

  /** @returns `lost`: they were the sidecar's; `cleared`: they were not, or nobody knows; undefined: still to be told, or there are none */
  settle(seen: SidecarSeen | undefined): 'lost' | 'cleared' | undefined {
    if (this.#since === undefined) return undefined;
    // Another agent is in the place of the one whose looks these are: of those that follow none was before its own first.
    if (this.#since.seen !== seen) this.#since = seen && { seen, goodLooks: 0 };
    const since = this.#since;
    if (since === undefined) return 'cleared';
    const isLost = since.seen.lostAfter === since.goodLooks;
    const at = isLost ? (since.seen.lostAt ?? this.#at) : performance.now();
    const isFresh = at - this.#at <= FRESH_MS;
    if (!isLost && isFresh && since.seen.goodLooks === since.goodLooks) return undefined; // nobody has looked since
    this.#since = undefined;
    return isLost && isFresh ? 'lost' : 'cleared';
  }
}

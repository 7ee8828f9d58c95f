import type { Clock } from '@isthmus/model';

/** The longest time without a look at the clock that still counts as watched, ms. */
const LONGEST_GAP_MS = 5_000;

/**
 * Time in which this process looked. A removal that waits is confirmed by time in which the registry could have taken it
 * back, and a process that was stopped (SIGSTOP, a suspended machine) or whose clock was set sees nothing: a gap counts
 * as `LONGEST_GAP_MS` at most, and a clock that goes back counts as none.
 */
export class WatchedTime {
  readonly #clock: Clock;
  #last: number;
  #ms = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#last = clock.now();
  }

  /** Milliseconds watched so far. Look every `LONGEST_GAP_MS` while something waits. */
  now(): number {
    const now = this.#clock.now();
    this.#ms += Math.min(Math.max(now - this.#last, 0), LONGEST_GAP_MS);
    this.#last = now;
    return this.#ms;
  }
}

import { IsthmusError } from '@isthmus/model';

/** Requests under way at once: from the start, and at most. */
const FIRST = 4;
const MOST = 16;
/** So many in a row that are not answered are a server that hangs, not a slow one. */
const MOST_TIMEOUTS = 3;

/**
 * How much a registry is asked at once: one more for each round that it keeps up with, half of it when it is too slow to
 * answer in time. With a fixed number a slow registry answers nothing in time, all is asked again, and it never recovers
 * (seen: 16 at once, and a Eureka on a busy machine published 20 of 500 services in 40 s).
 */
export class RequestPace {
  #limit = FIRST;
  #timeouts = 0;

  get atOnce(): number {
    return Math.floor(this.#limit);
  }

  succeeded(): void {
    this.#timeouts = 0;
    this.#limit = Math.min(MOST, this.#limit + 1 / this.#limit);
  }

  /** True when the server does not answer at all. */
  timedOut(): boolean {
    this.#timeouts += 1;
    this.#limit = Math.max(1, this.#limit / 2);
    return this.#timeouts >= MOST_TIMEOUTS;
  }

  reset(): void {
    this.#timeouts = 0;
    this.#limit = FIRST;
  }
}

/** The registry did not answer, or not in time: that says nothing about the name. */
export function isUnanswered(thrown: unknown): thrown is IsthmusError {
  return IsthmusError.is(thrown) && (thrown.code === 'registry.unreachable' || thrown.code === 'registry.timeout');
}

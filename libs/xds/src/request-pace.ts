import type { Clock } from '@isthmus/model';

/** How many requests of one stream are read in a second; the client's own flow control makes it wait for the rest. */
export class RequestPace {
  readonly #most: number;
  readonly #clock: Clock;
  #from = 0;
  #count = 0;

  /** @param most a second */
  constructor(most: number, clock: Clock) {
    this.#most = most;
    this.#clock = clock;
  }

  /** Counts a request. @returns ms to read nothing more for; 0: go on */
  take(): number {
    const now = this.#clock.now();
    if (now - this.#from >= 1_000 || now < this.#from) {
      this.#from = now;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count < this.#most ? 0 : this.#from + 1_000 - now;
  }
}

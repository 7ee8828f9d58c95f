import type { Clock } from '@isthmus/model';
import type { Timers } from '../timers.ts';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** A clock and timers that a test moves. */
export class FakeTime {
  readonly clock: Clock = { now: () => this.at };
  readonly timers: Timers = { after: (ms, run) => this.#after(ms, run) };
  at = 1_000;
  #timers: Timer[] = [];

  /** Each timer runs at its time, those that it starts included. */
  pass(ms: number): void {
    const until = this.at + ms;
    for (;;) {
      const [first] = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (first === undefined) break;
      this.at = Math.max(this.at, first.at);
      this.#timers = this.#timers.filter((one) => one !== first);
      first.run();
    }
    this.at = until;
  }

  #after(ms: number, run: () => void): () => void {
    const timer = { at: this.at + ms, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((one) => one !== timer));
  }
}

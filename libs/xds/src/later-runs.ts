import type { Timers } from './timers.ts';

/** Timers by key, of which one runs at a time; for what has to wait for a while. */
export class LaterRuns {
  readonly #timers: Timers;
  readonly #run: () => void;
  readonly #waiting = new Map<string, () => void>();

  constructor(timers: Timers, run: () => void) {
    this.#timers = timers;
    this.#run = run;
  }

  /** Runs once in `ms`; while one of the same key waits, another is not started. */
  after(key: string, ms: number): void {
    if (this.#waiting.has(key)) return;
    const callOff = this.#timers.after(ms, () => {
      this.#waiting.delete(key);
      this.#run();
    });
    this.#waiting.set(key, callOff);
  }

  close(): void {
    for (const callOff of this.#waiting.values()) callOff();
    this.#waiting.clear();
  }
}

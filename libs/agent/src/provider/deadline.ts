export interface Timers {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly setTimeout: (work: () => void, ms: number) => unknown;
  readonly clearTimeout: (timer: NodeJS.Timeout) => void;
}

type Outcome = { readonly kind: 'done' } | { readonly kind: 'late' } | { readonly kind: 'failed'; readonly message: string };

/** One time for several steps: what one of them needs, the others do not have. Its timers hold the process, which is about to end. */
export class Deadline {
  readonly #timers: Timers;
  readonly #at: number;

  constructor(ms: number, timers: Timers) {
    this.#timers = timers;
    this.#at = timers.now() + ms;
  }

  get leftMs(): number {
    return Math.max(0, this.#at - this.#timers.now());
  }

  /** Does not wait for work that is late; it is not ended. */
  async within(ms: number, work: () => Promise<unknown>): Promise<Outcome> {
    let timer: unknown;
    const late = new Promise<Outcome>((resolve) => {
      timer = this.#timers.setTimeout(() => resolve({ kind: 'late' }), Math.min(ms, this.leftMs));
    });
    const done = this.alone(work).then((error): Outcome =>
      error === undefined ? { kind: 'done' } : { kind: 'failed', message: error.message },
    );
    const outcome = await Promise.race([done, late]);
    this.#timers.clearTimeout(timer as NodeJS.Timeout);
    return outcome;
  }

  /** @returns what went wrong; never throws */
  async alone(work: () => Promise<unknown> | undefined): Promise<Error | undefined> {
    try {
      await work();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  pause(ms: number): Promise<void> {
    if (ms <= 0) return Promise.resolve();
    return new Promise((resolve) => void this.#timers.setTimeout(resolve, ms));
  }
}

const LOOK_MS = 1_000;

/**
 * A look at removals that wait, once a second while some do: only time in which somebody looks counts as watched. One after the
 * other, and never beside a change of the config: a look at what was known before would write over what is known now.
 */
export class Confirmation {
  readonly #look: () => Promise<void>;
  readonly #failed: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #next: Promise<void> | undefined;
  #closed = false;

  /** @param failed told of a look of the timer, which nobody waits for; the next one is in a second */
  constructor(look: () => Promise<void>, failed: (error: unknown) => void) {
    this.#look = look;
    this.#failed = failed;
  }

  /** Something waits. */
  wanted(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.now().catch((error: unknown) => {
        this.wanted();
        this.#failed(error);
      });
    }, LOOK_MS).unref();
  }

  /** A look that begins as soon as no other is under way; resolves when it is over. */
  now(): Promise<void> {
    return (this.#next ??= this.#after(async () => {
      this.#next = undefined;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      if (!this.#closed) await this.#look();
    }));
  }

  /** Does that while no look is under way; the next begins when it is over. */
  between<Result>(change: () => Promise<Result>): Promise<Result> {
    return this.#after(change);
  }

  /** Resolves when no look is under way, and none will be. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#last;
  }

  #after<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined); // who asked for it hears of it
    return done;
  }
}

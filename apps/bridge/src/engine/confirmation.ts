const LOOK_MS = 1_000;

/**
 * A look at removals that wait, once a second while some do: only time in which somebody looks counts as watched. One after the
 * other, and never beside a change of the config: a look at what was known before would write over what is known now.
 */
export class Confirmation {
  readonly #look: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #next: Promise<void> | undefined;
  #closed = false;

  constructor(look: () => Promise<void>) {
    this.#look = look;
  }

  /** Something waits. */
  wanted(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => void this.now(), LOOK_MS).unref();
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
  between(change: () => Promise<void>): Promise<void> {
    return this.#after(change);
  }

  /** Resolves when no look is under way, and none will be. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#last;
  }

  #after(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined); // who asked for it hears of it
    return done;
  }
}

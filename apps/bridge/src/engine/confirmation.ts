const LOOK_MS = 1_000;

/** A look at removals that wait, once a second while some do: only time in which somebody looks counts as watched. */
export class Confirmation {
  readonly #look: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(look: () => Promise<void>) {
    this.#look = look;
  }

  /** Something waits. */
  wanted(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      void this.#look();
    }, LOOK_MS).unref();
  }

  /** The look is over: the next may be wanted. */
  looked(): void {
    this.#timer = undefined;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}

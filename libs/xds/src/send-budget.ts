/** Messages below this are not counted: they are in the kernel's buffers before anyone could wait for them. */
export const LARGE_MESSAGE = 64 * 1024;

/**
 * Bounds the bytes of large messages that wait for slow readers, over all streams: 2,000 clients that connect at once
 * with 512 KiB each cost 1.26 GB when each is written to at once.
 */
export class SendBudget {
  readonly #limit: number;
  #used = 0;
  /** In the order in which they asked. */
  readonly #waiting = new Set<() => void>();

  /** @param limit bytes; a message starts while less than this is under way, so the bound is soft by one message */
  constructor(limit = 32 * 1024 * 1024) {
    this.#limit = limit;
  }

  /** True: go on. False: `retry` is called once when there is room. */
  mayStart(retry: () => void): boolean {
    if (this.#used < this.#limit) {
      this.#waiting.delete(retry);
      return true;
    }
    this.#waiting.add(retry);
    return false;
  }

  take(bytes: number): void {
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
    for (const retry of this.#waiting) {
      if (this.#used >= this.#limit) return;
      this.#waiting.delete(retry);
      retry();
    }
  }

  forget(retry: () => void): void {
    this.#waiting.delete(retry);
  }
}

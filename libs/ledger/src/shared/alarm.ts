/** One waiter that is woken by a time or by a ring, whichever is first; a ring before the wait counts. */
export class Alarm {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async wait(ms: number): Promise<void> {
    if (!this.#rung && ms > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, Math.ceil(ms)).unref();
      });
      clearTimeout(timer);
    }
    this.#wake = undefined;
    this.#rung = false;
  }
}

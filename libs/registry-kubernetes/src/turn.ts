import { setImmediate as nextTurn } from 'node:timers/promises';

/** Long work in short turns of the event loop. */
export class Turn {
  readonly #ms: number;
  #since = performance.now();

  /** @param ms longest turn */
  constructor(ms: number) {
    this.#ms = ms;
  }

  get isOver(): boolean {
    return performance.now() - this.#since >= this.#ms;
  }

  async next(): Promise<void> {
    await nextTurn();
    this.#since = performance.now();
  }
}

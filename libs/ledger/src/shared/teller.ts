import { ownTurn } from '@isthmus/model';
import type { LedgerChange } from './tables.ts';

/** Changes told between two turns of the event loop: the local copy of them is 2 ms, and of 20,000 would be 15. */
const STEP = 2_000;

/** Tells what is in force, in order: few changes at once, many in several turns. */
export class Teller {
  readonly #tell: (changes: readonly LedgerChange[]) => void;
  readonly #untold: (readonly LedgerChange[])[] = [];
  #telling: Promise<void> = Promise.resolve();

  /** @param tell must not throw */
  constructor(tell: (changes: readonly LedgerChange[]) => void) {
    this.#tell = tell;
  }

  /** Resolves when all is told. */
  get done(): Promise<void> {
    return this.#telling;
  }

  add(changes: readonly LedgerChange[]): void {
    const isTelling = this.#untold.length > 0;
    for (let at = 0; at < changes.length; at += STEP) this.#untold.push(changes.slice(at, at + STEP));
    if (!isTelling) this.#telling = this.#run();
  }

  async #run(): Promise<void> {
    for (let [changes] = this.#untold; changes !== undefined; [changes] = this.#untold) {
      this.#tell(changes);
      this.#untold.shift();
      if (this.#untold.length > 0) await ownTurn();
    }
  }
}

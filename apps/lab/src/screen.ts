/** Where the live view is drawn: over itself on a terminal, a line now and then anywhere else. */
import { renderLine, renderTries, renderView, type ViewModel } from './live-view.ts';

export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Milliseconds between two lines where there is no terminal. */
const lineEveryMs = 5_000;

export class Screen {
  readonly #out: Output;
  readonly #now: () => number;
  #drawn = 0;
  #lastLineAt = Number.NEGATIVE_INFINITY;
  #hasSaidTries = false;

  constructor(out: Output, now: () => number = () => performance.now()) {
    this.#out = out;
    this.#now = now;
  }

  draw(model: ViewModel): void {
    if (this.#out.isTTY === true) {
      const lines = renderView(model, this.#out.columns ?? 120);
      this.#out.write(`${this.#back()}${lines.join('\n')}\n`);
      this.#drawn = lines.length;
      return;
    }
    if (this.#now() - this.#lastLineAt < lineEveryMs) return;
    this.#lastLineAt = this.#now();
    this.#out.write(`${renderLine(model)}\n`);
    if (this.#hasSaidTries || model.tries.length === 0) return;
    this.#hasSaidTries = true;
    this.#out.write(`console ${model.console}\n${renderTries(model).join('\n')}\n`);
  }

  /** A line that stays, above the view. */
  print(line: string): void {
    this.#out.write(`${this.#back()}${line}\n`);
    this.#drawn = 0;
  }

  /** Cursor to the first line that was drawn, and everything below it cleared (ECMA-48 CUU and ED). */
  #back(): string {
    return this.#drawn === 0 ? '' : `\u001B[${this.#drawn}A\u001B[0J`;
  }
}

import { until } from '@isthmus/model/testing';

export interface Outcome {
  readonly calls: number;
  readonly errors: number;
  /** From the start of the observation to the last error; 0 without any. */
  readonly seconds: number;
}

/** Calls one after the other, as long as it is not stopped, and remembers what failed. */
export class SteadyCaller {
  readonly #results: { readonly at: number; readonly answer: string | undefined }[] = [];
  readonly #over = new AbortController();
  readonly #done: Promise<void>;
  #from = 0;

  /** @param call resolves with what answered; rejects when the call failed */
  constructor(call: () => Promise<string>, everyMs: number) {
    this.#done = this.#run(call, everyMs);
  }

  /** Forgets what was: what counts starts now. */
  mark(): void {
    this.#from = this.#results.length;
  }

  outcome(): Outcome {
    const seen = this.#results.slice(this.#from);
    const errors = seen.filter(({ answer }) => answer === undefined);
    const last = errors.at(-1);
    const start = seen[0]?.at ?? 0;
    return { calls: seen.length, errors: errors.length, seconds: last === undefined ? 0 : (last.at - start) / 1_000 };
  }

  /** Errors among the last calls. */
  recentErrors(calls: number): number {
    return this.#results.slice(-calls).filter(({ answer }) => answer === undefined).length;
  }

  /** Who answered since the mark. */
  answers(): ReadonlySet<string> {
    return new Set(this.#results.slice(this.#from).flatMap(({ answer }) => answer ?? []));
  }

  async calls(count: number): Promise<Outcome> {
    await until(`${count} calls`, () => this.#results.length - this.#from >= count);
    return this.outcome();
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#done;
  }

  async #run(call: () => Promise<string>, everyMs: number): Promise<void> {
    while (!this.#over.signal.aborted) {
      const at = performance.now();
      this.#results.push({ at, answer: await call().catch(() => undefined) });
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}

import { backoff } from '@isthmus/model';

/** What became of an item; `again`: it is tried once more, later the more often it failed. */
export type WorkResult = { readonly kind: 'done' } | { readonly kind: 'again'; readonly afterMs?: number };

export const DONE: WorkResult = { kind: 'done' };

export interface WorkQueueOptions<T> {
  readonly work: (item: T, signal: AbortSignal) => Promise<WorkResult>;
  /** Items worked on at the same time. */
  readonly concurrency: number;
  /** First and longest pause before a retry, ms. Default 500 and 30,000. */
  readonly retry?: { readonly firstMs: number; readonly mostMs: number };
  readonly random?: () => number;
}

/**
 * Items to be worked on, each once however often it is added meanwhile, and never twice at the same time. Bounded by the
 * number of different items.
 */
export class WorkQueue<T> {
  readonly #options: WorkQueueOptions<T>;
  readonly #due = new Set<T>();
  readonly #busy = new Set<T>();
  /** Failed before, so often. */
  readonly #failures = new Map<T, number>();
  readonly #timers = new Map<T, NodeJS.Timeout>();
  #wake: () => void = () => undefined;
  #paused = false;

  constructor(options: WorkQueueOptions<T>) {
    this.#options = options;
  }

  /** Items not done yet, those that wait for their retry included; one that changed while it was worked on counts twice. */
  get size(): number {
    return this.#due.size + this.#busy.size + this.#timers.size;
  }

  add(item: T): void {
    this.#due.add(item);
    this.#wake();
  }

  /** Nothing is begun while it is paused. */
  pause(paused: boolean): void {
    this.#paused = paused;
    this.#wake();
  }

  /** Works until the signal aborts; what is being worked on is awaited. */
  async run(signal: AbortSignal): Promise<void> {
    const running = new Set<Promise<void>>();
    signal.addEventListener('abort', () => this.#wake());
    while (!signal.aborted) {
      const item = this.#paused || running.size >= this.#options.concurrency ? undefined : this.#next();
      if (item === undefined) {
        await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), ...running]);
        continue;
      }
      const one: Promise<void> = this.#workOn(item, signal).finally(() => running.delete(one));
      running.add(one);
    }
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await Promise.all(running);
  }

  #next(): T | undefined {
    for (const item of this.#due) {
      if (this.#busy.has(item)) continue; // again when it is done
      this.#due.delete(item);
      return item;
    }
    return undefined;
  }

  async #workOn(item: T, signal: AbortSignal): Promise<void> {
    this.#busy.add(item);
    clearTimeout(this.#timers.get(item));
    this.#timers.delete(item);
    const result = await this.#options.work(item, signal);
    this.#busy.delete(item);
    if (result.kind === 'done') this.#failures.delete(item);
    else this.#later(item, result.afterMs ?? 0);
    this.#wake();
  }

  #later(item: T, atLeastMs: number): void {
    const { retry = { firstMs: 500, mostMs: 30_000 }, random = Math.random } = this.#options;
    const failures = this.#failures.get(item) ?? 0;
    this.#failures.set(item, failures + 1);
    const ms = Math.max(atLeastMs, backoff(failures, random, retry.firstMs, retry.mostMs));
    this.#timers.set(
      item,
      setTimeout(() => {
        this.#timers.delete(item);
        this.add(item);
      }, ms).unref(),
    );
  }
}

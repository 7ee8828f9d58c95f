const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
/** Who leaves an object alone for so long is met with the first pause again. */
const FORGET_MS = 600_000;

/**
 * When an object that differs from what it should be is looked at again: a moment later, because a watch also tells of our own
 * earlier writes, and ever later when somebody keeps changing it, because two controllers that fight help nobody.
 */
export class Drift {
  readonly #check: (key: string) => void;
  readonly #now: () => number;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #repairs = new Map<string, { readonly count: number; readonly at: number }>();

  constructor(check: (key: string) => void, now: () => number = () => performance.now()) {
    this.#check = check;
    this.#now = now;
  }

  suspect(key: string): void {
    if (this.#timers.has(key)) return;
    const run = (): void => {
      this.#timers.delete(key);
      this.#check(key);
    };
    this.#timers.set(key, setTimeout(run, this.delayOf(key)).unref());
  }

  /** It was set back. */
  repaired(key: string): void {
    this.#repairs.set(key, { count: this.#count(key) + 1, at: this.#now() });
    if (this.#repairs.size > 1_000) this.#repairs.delete(this.#repairs.keys().next().value ?? '');
  }

  delayOf(key: string): number {
    return Math.min(FIRST_MS * 2 ** this.#count(key), LONGEST_MS);
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #count(key: string): number {
    const last = this.#repairs.get(key);
    return last === undefined || this.#now() - last.at > FORGET_MS ? 0 : Math.min(last.count, 10);
  }
}

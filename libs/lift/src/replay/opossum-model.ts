/** Times are ms; defaults are opossum's. */
export interface OpossumOptions {
  readonly errorThresholdPercentage: number;
  readonly volumeThreshold: number;
  readonly rollingCountTimeout: number;
  readonly rollingCountBuckets: number;
  readonly resetTimeout: number;
}

export const OPOSSUM_DEFAULTS: OpossumOptions = {
  errorThresholdPercentage: 50,
  volumeThreshold: 0,
  rollingCountTimeout: 10_000,
  rollingCountBuckets: 10,
  resetTimeout: 30_000,
};

interface Bucket {
  fires: number;
  failures: number;
}

/**
 * opossum 8 to 10 (`lib/circuit.js`, `lib/status.js`), for calls that end when they begin: a window of buckets that a timer moves on,
 * counted from the breaker's making at 0; a call that is turned away is a fire too, so that rejections thin out the failures.
 */
export class OpossumModel {
  readonly #options: OpossumOptions;
  readonly #buckets: Bucket[];
  #rotated = 0;
  #openedAt: number | undefined;

  constructor(options: Partial<OpossumOptions> = {}) {
    this.#options = { ...OPOSSUM_DEFAULTS, ...options };
    this.#buckets = Array.from({ length: this.#options.rollingCountBuckets }, () => ({ fires: 0, failures: 0 }));
  }

  /** @param at not before the last one's */
  stateAt(at: number): 'closed' | 'open' | 'half-open' {
    if (this.#openedAt === undefined) return 'closed';
    return at - this.#openedAt >= this.#options.resetTimeout ? 'half-open' : 'open';
  }

  /** One call. @returns whether it is let through */
  call(at: number, ok: boolean): boolean {
    this.#rotate(at);
    const bucket = this.#buckets[0] as Bucket;
    bucket.fires += 1;
    const state = this.stateAt(at);
    if (state === 'open') return false;
    if (ok) {
      this.#openedAt = undefined;
      return true;
    }
    bucket.failures += 1;
    if (state === 'half-open' || this.#isOver()) this.#openedAt = at;
    return true;
  }

  #isOver(): boolean {
    const fires = this.#buckets.reduce((sum, bucket) => sum + bucket.fires, 0);
    const failures = this.#buckets.reduce((sum, bucket) => sum + bucket.failures, 0);
    return fires >= this.#options.volumeThreshold && (failures / fires) * 100 > this.#options.errorThresholdPercentage;
  }

  #rotate(at: number): void {
    const { rollingCountTimeout, rollingCountBuckets } = this.#options;
    const due = Math.floor(at / Math.floor(rollingCountTimeout / rollingCountBuckets));
    for (let turns = Math.min(due - this.#rotated, rollingCountBuckets); turns > 0; turns -= 1) {
      this.#buckets.pop();
      this.#buckets.unshift({ fires: 0, failures: 0 });
    }
    this.#rotated = due;
  }
}

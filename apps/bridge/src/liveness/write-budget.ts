/** So many writes a minute to each registry, a tenth of a minute's at once. */
export class WriteBudget {
  readonly #perMinute: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(perMinute: number, now: () => number) {
    this.#perMinute = perMinute;
    this.#now = now;
  }

  take(registry: string): boolean {
    const bucket = this.#refill(registry);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** ms until `take` succeeds */
  nextIn(registry: string): number {
    return Math.max(0, Math.ceil(((1 - this.#refill(registry).tokens) * 60_000) / this.#perMinute));
  }

  #refill(registry: string): { tokens: number; at: number } {
    const now = this.#now();
    const most = Math.max(1, this.#perMinute / 10);
    const bucket = this.#buckets.get(registry) ?? { tokens: most, at: now };
    bucket.tokens = Math.min(most, bucket.tokens + ((now - bucket.at) * this.#perMinute) / 60_000);
    bucket.at = now;
    this.#buckets.set(registry, bucket);
    return bucket;
  }
}

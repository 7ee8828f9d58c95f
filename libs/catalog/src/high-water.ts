const BUCKETS = 12;

/**
 * The most endpoints that a scope had within the window that ends now, to the precision of a twelfth of it. What a storm
 * of single removals takes away is measured against it: replacing instances one by one never shows, a scope that
 * shrinks does, however small the steps.
 */
export class HighWater {
  readonly #bucketMs: number;
  readonly #windowMs: number;
  #buckets: { readonly from: number; most: number }[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
    this.#bucketMs = Math.max(1, windowMs / BUCKETS);
  }

  /** Notes the size before a change, and answers the most there was. */
  note(now: number, size: number): number {
    const last = this.#buckets.at(-1);
    // A clock that was set back stays in its last bucket.
    if (last !== undefined && now < last.from + this.#bucketMs) last.most = Math.max(last.most, size);
    else this.#buckets.push({ from: now, most: size });
    if (this.#buckets.length > BUCKETS || (this.#buckets[0]?.from ?? now) <= now - this.#windowMs)
      this.#buckets = this.#buckets.slice(-BUCKETS).filter(({ from }) => from > now - this.#windowMs);
    return this.#buckets.reduce((most, bucket) => Math.max(most, bucket.most), size);
  }

  /** What was lost is known to be gone: measure from here. */
  reset(): void {
    this.#buckets = [];
  }
}

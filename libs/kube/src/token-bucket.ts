import { pause } from '@isthmus/model';

export interface TokenBucketOptions {
  readonly perSecond: number;
  /** How many may go at once after a quiet time; at least 1. */
  readonly burst: number;
  /** Monotonic milliseconds. Default `performance.now`. */
  readonly now?: () => number;
  /** Default: a timer. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Limits how fast something is done: at most `burst` at once and `perSecond` in the long run. First come, first served. */
export class TokenBucket {
  readonly #options: Required<TokenBucketOptions>;
  /** When the token of the next one will be there; those who wait have booked theirs by moving it on. */
  #nextAt: number;

  constructor(options: TokenBucketOptions) {
    this.#options = { now: () => performance.now(), wait: pause, ...options };
    this.#nextAt = this.#options.now() - (this.#options.burst - 1) * this.#interval;
  }

  /** Resolves when one may go. @throws the signal's reason when it is aborted first; the token is lost then. */
  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const now = this.#options.now();
    this.#nextAt = Math.max(this.#nextAt, now - (this.#options.burst - 1) * this.#interval);
    const at = this.#nextAt;
    this.#nextAt += this.#interval;
    if (at > now) await this.#options.wait(at - now, signal);
    signal.throwIfAborted();
  }

  get #interval(): number {
    return 1_000 / this.#options.perSecond;
  }
}

/** How instances that come and go are believed (RFC 2439 is where the idea is from). */
export interface FlapOptions {
  /** How often an instance goes within about a half-life before its going is believed later. 0: never. Default 3. */
  readonly count: number;
  /** After this many ms without going it counts half as much. Default 300,000. */
  readonly halfLifeMs: number;
  /** How long the first damped removal is put off, ms; every further one twice as long. Default 10,000. */
  readonly delayMs: number;
  /** … and never longer than this. Default 60,000. */
  readonly maxDelayMs: number;
}

/** Instances remembered; the ones that went longest ago are forgotten first. */
const MOST = 50_000;
/** Half-lives after which nothing of a penalty is left. */
const FORGET = 4;

/**
 * Counts how often endpoints go. Only their going is ever put off: what comes back is believed at once, and an unhealthy
 * or disabled instance gets nothing however often it was so before.
 */
export class FlapDamper {
  readonly #options: FlapOptions;
  readonly #penalties: Map<string, { readonly penalty: number; readonly at: number }>;

  /** @param before of the config before this one, which counts no more: what it has counted goes on */
  constructor(options: FlapOptions, before?: FlapDamper) {
    this.#options = options;
    this.#penalties = before === undefined ? new Map() : before.#penalties;
  }

  /** Forgets the endpoints that nobody follows any more. */
  keep(isFollowed: (endpoint: string) => boolean): void {
    for (const endpoint of this.#penalties.keys()) if (!isFollowed(endpoint)) this.#penalties.delete(endpoint);
  }

  /** An endpoint went: for how many ms it should stay all the same; 0: it may go. */
  gone(endpoint: string, now: number): number {
    const { count, halfLifeMs, delayMs, maxDelayMs } = this.#options;
    if (count === 0) return 0;
    const before = this.#penalties.get(endpoint);
    const penalty = 1 + (before === undefined ? 0 : before.penalty * 2 ** (-Math.max(0, now - before.at) / halfLifeMs));
    this.#penalties.delete(endpoint);
    this.#penalties.set(endpoint, { penalty, at: now });
    this.#forget(now);
    const over = penalty - (count - 0.5);
    return over < 0 ? 0 : Math.min(maxDelayMs, delayMs * 2 ** Math.floor(over));
  }

  #forget(now: number): void {
    for (const [endpoint, { at }] of this.#penalties) {
      if (this.#penalties.size <= MOST && now - at < FORGET * this.#options.halfLifeMs) return;
      this.#penalties.delete(endpoint);
    }
  }
}

/** A timer of the least precision; kept apart so that tests have a clock of their own. */
export interface LeaseOptions {
  /** Milliseconds of a clock that never goes back: the wall clock may jump, and nothing must fall for that. */
  readonly now: () => number;
  readonly setTimer: (ms: number, run: () => void) => () => void;
  /** Which targets are expired is another now. */
  readonly changed: () => void;
}

/** Which targets have heard nothing of the control plane for longer than their plan allows. Those without a lease never expire. */
export class Leases {
  readonly #options: LeaseOptions;
  #leases: ReadonlyMap<string, number> = new Map();
  #heardAt: number;
  #expired: ReadonlySet<string> = new Set();
  #clear: (() => void) | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#heardAt = options.now();
  }

  get expired(): ReadonlySet<string> {
    return this.#expired;
  }

  /** The control plane gave a sign of life. Called for each piece of the stream: costs a clock reading. */
  heard(): void {
    this.#heardAt = this.#options.now();
    if (this.#expired.size > 0) this.#judge();
  }

  follow(leases: ReadonlyMap<string, number>): void {
    this.#leases = leases;
    this.#expired = new Set([...this.#expired].filter((authority) => leases.has(authority)));
    this.#judge();
  }

  close(): void {
    this.#clear?.();
    this.#leases = new Map();
  }

  #judge(): void {
    this.#clear?.();
    this.#clear = undefined;
    const silent = this.#options.now() - this.#heardAt;
    const due = [...this.#leases].filter(([, seconds]) => silent >= seconds * 1_000).map(([authority]) => authority);
    const isSame = due.length === this.#expired.size && due.every((authority) => this.#expired.has(authority));
    this.#expired = new Set(due);
    const next = Math.min(...[...this.#leases.values()].map((seconds) => seconds * 1_000).filter((ms) => ms > silent));
    if (Number.isFinite(next)) this.#clear = this.#options.setTimer(Math.max(1, next - silent), () => this.#judge());
    if (!isSame) this.#options.changed();
  }
}

import type { SidecarSeen } from '../sidecar-watch.ts';
import { isOverThreshold } from './opossum-shape.ts';
import type { OpossumBreaker, OpossumBucket } from './opossum-shape.ts';

/** Of a call that the sidecar has: how often that had been seen well when the call began. */
interface Begun {
  readonly seen: SidecarSeen;
  readonly goodLooks: number;
}

/**
 * Failures of calls to a sidecar that is found lost then, as one that accepts and hangs: they say nothing of the target. Counted they
 * would open the breaker before the calls that are back at the instances, which are well. Two looks find a sidecar lost: what fails
 * before is counted, and taken out of the window then.
 */
export class HungFailures {
  readonly #breaker: OpossumBreaker;
  /** By opossum's own list of a call's arguments, which comes with its events. */
  readonly #begun = new WeakMap<object, Begun>();
  #beginning: Begun | undefined;
  /** Since the last look that was good, so of less than a second where the looks are. */
  readonly #counted = new Map<OpossumBucket, number>();
  #since: Begun | undefined;
  #opened = false;

  constructor(breaker: OpossumBreaker) {
    this.#breaker = breaker;
    breaker.on('fire', (args) => {
      if (this.#beginning !== undefined) this.#begun.set(args as object, this.#beginning);
      this.#beginning = undefined;
    });
    // After opossum's own listener, which counts it, and before opossum asks whether that was one too many.
    breaker.on('failure', (_error, _latency, args) => this.#failed(args as object));
  }

  /** Begins a call that the sidecar gets. */
  begin<T>(seen: SidecarSeen | undefined, run: () => T): T {
    this.#beginning = seen && { seen, goodLooks: seen.goodLooks };
    try {
      return run();
    } finally {
      this.#beginning = undefined;
    }
  }

  /** @param args of the call */
  isHung(args: unknown): boolean {
    const begun = this.#begun.get(args as object);
    return begun !== undefined && begun.seen.lostAfter >= begun.goodLooks;
  }

  /** Before a call is judged by the breaker. @returns whether there was something */
  takeOut(seen: SidecarSeen | undefined): boolean {
    if (this.#since === undefined) return false;
    // Another agent is in the place of the one whose looks these are: of those that follow none was before its own first.
    if (this.#since.seen !== seen) this.#since = seen && { seen, goodLooks: 0 };
    const since = this.#since;
    if (since === undefined) {
      this.#counted.clear();
      this.#opened = false;
      return false;
    }
    const isLost = since.seen.lostAfter === since.goodLooks;
    if (!isLost && since.seen.goodLooks === since.goodLooks) return false; // nobody has looked since
    this.#since = undefined;
    if (isLost) for (const [bucket, failures] of this.#counted) bucket.failures -= failures;
    this.#counted.clear();
    const breaker = this.#breaker;
    if (isLost && this.#opened && !breaker.closed && !isOverThreshold(breaker)) breaker.close();
    this.#opened = false;
    return isLost;
  }

  #failed(args: object): void {
    const begun = this.#begun.get(args);
    const [bucket] = this.#breaker.status.window;
    if (begun === undefined || bucket === undefined) return;
    if (this.isHung(args)) {
      bucket.failures -= 1;
      return;
    }
    const { seen } = begun;
    this.takeOut(seen);
    this.#since ??= { seen, goodLooks: seen.goodLooks };
    this.#counted.set(bucket, (this.#counted.get(bucket) ?? 0) + 1);
    // opossum opens it right after this.
    this.#opened ||= this.#breaker.closed && isOverThreshold(this.#breaker);
  }
}

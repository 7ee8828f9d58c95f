import type { SidecarSeen } from '../sidecar-watch.ts';
import { halfOpenAgain, isOverThreshold } from './opossum-shape.ts';
import type { OpossumBreaker, OpossumBucket } from './opossum-shape.ts';
import { Suspects, begunWith, wasHung } from './suspects.ts';
import type { Begun } from './suspects.ts';

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
  readonly #suspects = new Suspects();
  readonly #counted = new Map<OpossumBucket, number>();
  /** What has opened it, or would have at the hand-over. */
  #opened: 'suspects' | 'hung trial' | undefined;
  /** Of a trial that opened it: it has it again. */
  #tryAgain: (() => void) | undefined;

  constructor(breaker: OpossumBreaker) {
    this.#breaker = breaker;
    breaker.on('fire', (args) => {
      if (this.#beginning !== undefined) this.#begun.set(args as object, this.#beginning);
      this.#beginning = undefined;
    });
    // After opossum's own listener, which counts it, and before opossum asks whether that was one too many.
    breaker.on('failure', (_error, _latency, args) => this.#failed(args as object));
    // What opens it later has other reasons.
    breaker.on('halfOpen', () => this.forgetOpening());
    breaker.on('close', () => this.forgetOpening());
  }

  /** Begins a call that the sidecar gets. */
  begin<T>(seen: SidecarSeen | undefined, run: () => T): T {
    this.#beginning = begunWith(seen);
    try {
      return run();
    } finally {
      this.#beginning = undefined;
    }
  }

  /** @param args of the call */
  isHung(args: unknown): boolean {
    const begun = this.#begun.get(args as object);
    return begun !== undefined && wasHung(begun);
  }

  /** It is not open for what failed until now. */
  forgetOpening(): void {
    this.#opened = undefined;
    this.#tryAgain = undefined;
  }

  /** Before a call is judged by the breaker. @returns whether there was something */
  takeOut(seen: SidecarSeen | undefined): boolean {
    const settled = this.#suspects.settle(seen);
    if (settled === 'lost') for (const [bucket, failures] of this.#counted) bucket.failures -= failures;
    if (settled !== undefined) this.#counted.clear();
    if (settled === 'lost' || this.#opened === 'hung trial') this.#undoOpening();
    else if (settled === 'cleared') this.forgetOpening();
    return settled === 'lost';
  }

  #undoOpening(): void {
    const breaker = this.#breaker;
    if (this.#tryAgain !== undefined) this.#tryAgain();
    else if (this.#opened !== undefined && !breaker.closed && !isOverThreshold(breaker)) breaker.close();
    this.forgetOpening();
  }

  #failed(args: object): void {
    const breaker = this.#breaker;
    const begun = this.#begun.get(args);
    const [bucket] = breaker.status.window;
    if (breaker.halfOpen) this.forgetOpening();
    if (begun === undefined || bucket === undefined) return;
    if (breaker.halfOpen) this.#tryAgain = halfOpenAgain(breaker);
    if (wasHung(begun)) {
      bucket.failures -= 1;
      if (breaker.halfOpen) this.#opened = 'hung trial';
      return;
    }
    this.takeOut(begun.seen);
    this.#suspects.add(begun);
    this.#counted.set(bucket, (this.#counted.get(bucket) ?? 0) + 1);
    // opossum opens it right after this.
    if (breaker.halfOpen || (breaker.closed && isOverThreshold(breaker))) this.#opened = 'suspects';
  }
}

import type { ArmReport } from '@isthmus/contract';
import { LATENCY_BOUNDS } from '@isthmus/ladder';

const FIRST = LATENCY_BOUNDS[0] as number;
/** `log(second / first)`: the bounds are a constant factor apart. */
const STEP = Math.log((LATENCY_BOUNDS[1] as number) / FIRST);

const NOTHING = new Uint32Array(0);

/** Calls of one target by one way since the last report. Counting makes nothing that is to be collected. */
export class ArmCounts {
  #calls = 0;
  #failures = 0;
  #attempts = 0;
  /** Of a target that has been called: 1,000 of these for nothing are half a megabyte. */
  #latency: Uint32Array | undefined;

  /** Requests beyond the first of a call. */
  retried(requests: number): void {
    this.#attempts += requests;
  }

  /**
   * A call has its answer, or will not get one. Its first request counts with it: counted when it left, those under way would be
   * attempts of no call, and a plan was rolled back for 1.6 a call that were all first ones, on a busy machine.
   *
   * @param ms from its start until its answer began
   */
  ended(ms: number, failed: boolean): void {
    this.#calls += 1;
    this.#attempts += 1;
    if (failed) this.#failures += 1;
    const at = placeOf(ms);
    const latency = (this.#latency ??= new Uint32Array(LATENCY_BOUNDS.length + 1));
    latency[at] = (latency[at] as number) + 1;
  }

  /** The sidecar did not answer and the instance was asked: the call is a failure of this way, whatever the instance answers. */
  fellBack(): void {
    this.#failures += 1;
    this.#attempts += 1;
  }

  get isEmpty(): boolean {
    return this.#calls === 0 && this.#attempts === 0;
  }

  /** What was counted, and begins anew. The last places of `latency` are left out while they are 0. */
  take(): ArmReport {
    const latency = this.#calls === 0 ? NOTHING : (this.#latency ?? NOTHING);
    let { length } = latency;
    while (length > 0 && latency[length - 1] === 0) length -= 1;
    const report = {
      calls: this.#calls,
      failures: this.#failures,
      attempts: this.#attempts,
      latency: Array.from(latency.subarray(0, length)),
    };
    this.#calls = 0;
    this.#failures = 0;
    this.#attempts = 0;
    if (length > 0) latency.fill(0);
    return report;
  }
}

/** Both ways of one target. */
export interface TargetCounts {
  readonly sdk: ArmCounts;
  readonly mesh: ArmCounts;
  /** Calls that named an instance's address, since the last report: without its registration nobody would know one. */
  byInstance: number;
}

/** The first place whose bound is not below; computed, because a search would cost more than the rest of a call's counting. */
function placeOf(ms: number): number {
  if (!(ms > FIRST)) return 0;
  const last = LATENCY_BOUNDS.length;
  let at = Math.min(last, Math.ceil(Math.log(ms / FIRST) / STEP));
  // The logarithm may be one off where a duration is a bound.
  while (at > 0 && ms <= (LATENCY_BOUNDS[at - 1] as number)) at -= 1;
  while (at < last && ms > (LATENCY_BOUNDS[at] as number)) at += 1;
  return at;
}

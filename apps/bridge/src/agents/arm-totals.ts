import type { ArmReport } from '@isthmus/contract';
import { LATENCY_BOUNDS } from '@isthmus/ladder';
import type { ArmTotals } from '@isthmus/plans';

/** Calls of one service to one target by one way, since the bridge began to count. */
export class ArmSum {
  calls = 0;
  failures = 0;
  attempts = 0;
  readonly latency = new Float64Array(LATENCY_BOUNDS.length + 1);

  add({ calls, failures, attempts, latency }: ArmReport): void {
    this.calls += calls;
    this.failures += Math.min(failures, calls);
    this.attempts += attempts;
    for (let at = 0; at < latency.length; at += 1) this.latency[at] = (this.latency[at] as number) + (latency[at] as number);
  }
}

export interface TargetSums {
  readonly sdk: ArmSum;
  readonly mesh: ArmSum;
}

export function totalsOf(sums: readonly ArmSum[]): ArmTotals {
  const latency = Array.from({ length: LATENCY_BOUNDS.length + 1 }, () => 0);
  let [calls, failures, attempts] = [0, 0, 0];
  for (const sum of sums) {
    calls += sum.calls;
    failures += sum.failures;
    attempts += sum.attempts;
    for (let at = 0; at < latency.length; at += 1) latency[at] = (latency[at] as number) + (sum.latency[at] as number);
  }
  return { calls, failures, attempts, latency };
}

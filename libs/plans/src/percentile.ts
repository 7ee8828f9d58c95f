import { LATENCY_BOUNDS } from '@isthmus/ladder';

/** A percentile of durations, ms, interpolated between the bounds; undefined: none, or above all bounds. @param share 0–1 */
export function percentile(counts: readonly number[], share: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return undefined;
  const rank = share * total;
  let before = 0;
  for (const [at, upper] of LATENCY_BOUNDS.entries()) {
    const count = counts[at] ?? 0;
    if (count > 0 && before + count >= rank) {
      const lower = at === 0 ? 0 : (LATENCY_BOUNDS[at - 1] ?? 0);
      return lower + ((upper - lower) * (rank - before)) / count;
    }
    before += count;
  }
  return undefined;
}

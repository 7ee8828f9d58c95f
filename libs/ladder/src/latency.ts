/** Upper bounds of durations, ms, a factor of 1.2 apart between 0.5 ms and about 60 s: a p99 is known to a fifth. */
export const LATENCY_BOUNDS: readonly number[] = Array.from({ length: 65 }, (_, at) => 0.5 * 1.2 ** at);

const FIRST_WAIT_MS = 250;
export const LONGEST_WAIT_MS = 30_000;

/**
 * How long an agent waits before it connects again: at least a half of the longest, so that nobody comes at once, and spread over the rest,
 * so that a fleet that lost its bridge in one moment does not come back in one.
 * @param failures in a row before this one @param atLeastMs that the bridge asked for (Retry-After) @param random in [0, 1)
 */
export function waitMs(failures: number, atLeastMs: number, random: () => number): number {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 10));
  return Math.max(longest * (0.5 + random() / 2), atLeastMs * (1 + random() / 2));
}

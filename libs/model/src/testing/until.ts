import { setTimeout as pause } from 'node:timers/promises';

/** The longest time between two looks, ms: those of an end-to-end test ask servers. */
const MOST_PAUSE_MS = 25;

/**
 * Waits for a condition, looking often at first and then every 25 ms; by a clock that does not jump, whatever a test does to `Date`.
 * @throws {Error} that says what was awaited, after `deadlineMs` (default 30 s: a busy machine is no failure)
 */
export async function until(
  what: string | (() => string),
  condition: () => Promise<boolean> | boolean,
  deadlineMs = 30_000,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  for (let pauseMs = 1; !(await condition()); pauseMs = Math.min(2 * pauseMs, MOST_PAUSE_MS)) {
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${typeof what === 'string' ? what : what()}`);
    await pause(pauseMs);
  }
}

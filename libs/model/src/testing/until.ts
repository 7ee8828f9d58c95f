import { setTimeout as pause } from 'node:timers/promises';

/**
 * The pause between two looks, as a part of the time that was waited already, and its ends, ms: a look of an end-to-end test asks
 * servers, each of which then works for it, and most of what is awaited comes within moments or after seconds.
 */
const PART = 0.05;
const LEAST_PAUSE_MS = 1;
const MOST_PAUSE_MS = 100;

/**
 * Waits for a condition, looking often at first and then seldom; by a clock that does not jump, whatever a test does to `Date`.
 * @throws {Error} that says what was awaited, after `deadlineMs` (default 30 s: a busy machine is no failure)
 */
export async function until(
  what: string | (() => string),
  condition: () => Promise<boolean> | boolean,
  deadlineMs = 30_000,
): Promise<void> {
  const began = performance.now();
  while (!(await condition())) {
    const waitedMs = performance.now() - began;
    if (waitedMs > deadlineMs) throw new Error(`not within ${deadlineMs} ms: ${typeof what === 'string' ? what : what()}`);
    await pause(Math.min(Math.max(waitedMs * PART, LEAST_PAUSE_MS), MOST_PAUSE_MS));
  }
}

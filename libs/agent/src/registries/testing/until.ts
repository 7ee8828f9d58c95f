import { setTimeout as pause } from 'node:timers/promises';

/** Waits for a condition, looking every 25 ms; fails with what was awaited after the deadline. */
export async function until(what: string, condition: () => Promise<boolean> | boolean, deadlineMs = 30_000): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await pause(25);
  }
}

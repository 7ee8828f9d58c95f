import { setTimeout as pause } from 'node:timers/promises';

/** Looks every few ms. @throws Error naming what was awaited, after `deadlineMs` */
export async function waitFor(what: string, condition: () => boolean, deadlineMs: number, everyMs = 5): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${deadlineMs / 1000} s: ${what}`);
    await pause(everyMs);
  }
}

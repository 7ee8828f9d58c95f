import { setTimeout as delay } from 'node:timers/promises';

/** Polls until `condition` holds. @throws {Error} that names `what` after `withinMs` (default 10 s). */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(20);
  }
}

import { setImmediate as nextTurn } from 'node:timers/promises';

const SLICE_MS = 5;

/** Runs small steps to their end, leaving the event loop to others every few milliseconds. */
export async function inSlices<T>(steps: Generator<void, T>): Promise<T> {
  let until = performance.now() + SLICE_MS;
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() < until) continue;
    await nextTurn();
    until = performance.now() + SLICE_MS;
  }
}

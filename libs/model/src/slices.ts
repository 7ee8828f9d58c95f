import { setImmediate as nextTurn } from 'node:timers/promises';

/** Longest that work may hold the event loop; streams and health checks get their turn in between. */
const SLICE_MS = 5;

/**
 * Runs a generator to its end, giving the event loop its turn whenever a slice is used up; gives what it returns.
 *
 * @param onSlice after every slice, in a turn of its own, and once at the end of all, in the turn of the last step
 */
export async function runInSlices<Result>(
  steps: Generator<void, Result>,
  onSlice?: () => void | Promise<void>,
  now: () => number = () => performance.now(),
): Promise<Result> {
  let end = now() + SLICE_MS;
  let step = steps.next();
  while (step.done !== true) {
    if (now() >= end) {
      await nextTurn();
      if (onSlice !== undefined) {
        await onSlice();
        await nextTurn();
      }
      end = now() + SLICE_MS;
    }
    step = steps.next();
  }
  await onSlice?.();
  return step.value;
}

let queue: Promise<void> = Promise.resolve();

/**
 * A turn of the event loop that no other caller has: what waits for `setImmediate` together runs together, so that eight
 * pieces of 3 ms would be one of 24.
 */
export function ownTurn(): Promise<void> {
  return (queue = queue.then(() => nextTurn()));
}

/** Runs a generator to its end in this turn; gives what it returns. */
export function atOnce<Result>(steps: Generator<void, Result>): Result {
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

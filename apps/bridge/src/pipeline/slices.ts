import { setImmediate as nextTurn } from 'node:timers/promises';

/** Longest that work may hold the event loop; streams and health checks get their turn in between. */
const SLICE_MS = 5;

/**
 * Runs a generator to its end, giving the event loop its turn whenever a slice is used up.
 *
 * @param onSlice after every slice, in a turn of its own, and once at the end of all, in the turn of the last step
 */
export async function runInSlices(
  steps: Generator<void>,
  onSlice: () => void | Promise<void> = () => undefined,
  now: () => number = () => performance.now(),
): Promise<void> {
  let end = now() + SLICE_MS;
  for (const _ of steps) {
    if (now() < end) continue;
    await nextTurn();
    await onSlice();
    await nextTurn();
    end = now() + SLICE_MS;
  }
  await onSlice();
}

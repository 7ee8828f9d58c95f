import { setImmediate as nextTurn } from 'node:timers/promises';

/** Longest that work may hold the event loop; streams and health checks get their turn in between. */
const SLICE_MS = 8;

/**
 * Runs a generator to its end, giving the event loop its turn whenever a slice is used up.
 *
 * @param onSlice called at the end of every slice and once at the end of all
 */
export async function runInSlices(
  steps: Generator<void>,
  onSlice: () => void = () => undefined,
  now: () => number = () => performance.now(),
): Promise<void> {
  let end = now() + SLICE_MS;
  for (const _ of steps) {
    if (now() < end) continue;
    onSlice();
    await nextTurn();
    end = now() + SLICE_MS;
  }
  onSlice();
}

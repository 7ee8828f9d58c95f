import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Longest that slices may hold the event loop in one turn; streams and health checks get their turn in between. */
const SLICE_MS = 5;

/** What a slice has at least: in a turn in which others had the 5 ms, who waits goes on all the same. */
const LEAST_MS = 2;

let loop = -1;
let began = 0;

/**
 * When a slice that starts now ends. Slices that meet in one turn, or follow one another within it, share its 5 ms: one flush
 * translates, composes routes and commits, each in slices, and the ledger and a new node's view have theirs.
 */
function sliceEnds(): number {
  const now = performance.now();
  const { loopCount } = performance.nodeTiming.uvMetricsInfo;
  if (loopCount !== loop) {
    loop = loopCount;
    began = now;
  }
  return Math.max(began + SLICE_MS, now + LEAST_MS);
}

/**
 * Runs a generator to its end, giving the event loop its turn whenever a slice is used up; gives what it returns.
 *
 * @param onSlice after every slice, in a turn of its own, and once at the end of all, in the turn of the last step
 */
export async function runInSlices<Result>(steps: Generator<void, Result>, onSlice?: () => void | Promise<void>): Promise<Result> {
  let end = sliceEnds();
  let step = steps.next();
  while (step.done !== true) {
    if (performance.now() >= end) {
      await nextTurn();
      if (onSlice !== undefined) {
        await onSlice();
        await nextTurn();
      }
      end = sliceEnds();
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

/** ms on the clock that all threads and processes of a machine share; `performance.now()` starts anew in each. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** What `performance.now()` of this thread has to be raised by. */
export const THREAD_OFFSET = monotonic() - performance.now();

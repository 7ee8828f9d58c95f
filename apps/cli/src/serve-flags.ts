/**
 * How `isthmus serve` has V8 collect garbage, for short turns of the event loop (docs/facts.md, "Stalls"). Figures: Nacos 2,
 * 10,000 × 10, on two cores that the registry works on, too.
 *
 * - A young generation of 4 MB. While a registry is read for the first time nearly all that is young lives on, and each
 *   collection copies it in one turn: 16 MB are 27 ms, 4 MB are 7, and 100 MB of memory less (Eureka).
 * - Young collections without helper threads, and what they free freed by the thread itself. Otherwise it waits in them for
 *   threads that have no CPU: up to 42 ms of wall time with 1 ms of its own, and a fifth to a half more time in all of them.
 * - Nothing is allocated among the old at once. During a first read V8 learns that what grpc-js makes lives on, and goes on to put
 *   it there when nothing of it does: each push left 8 kB of buffers that only a full collection frees, one every 2 to 5 s.
 */
export const SERVE_FLAGS: readonly string[] = [
  '--max-semi-space-size=4',
  '--min-semi-space-size=1',
  '--no-parallel-scavenge',
  '--no-concurrent-array-buffer-sweeping',
  '--no-allocation-site-pretenuring',
];

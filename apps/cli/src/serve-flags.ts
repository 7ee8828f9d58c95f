/**
 * How `isthmus serve` has V8 collect garbage, for short turns of the event loop (docs/facts.md, "Stalls"). Figures: Nacos 2,
 * 10,000 × 10, on two cores that the registry works on, too.
 *
 * - A young generation of 4 MB. While a registry is read for the first time nearly all that is young lives on, and each
 *   collection copies it in one turn: 16 MB are 27 ms, 4 MB are 7, and 100 MB of memory less (Eureka). It is no smaller at rest
 *   either, so that more of a listing of 10,000 names can die young.
 * - Young collections without helper threads, and what they free freed by the thread itself. Otherwise it waits in them for
 *   threads that have no CPU: up to 42 ms of wall time with 1 ms of its own, and a fifth to a half more time in all of them.
 * - Nothing is allocated among the old at once. During a first read V8 learns that what grpc-js makes lives on, and goes on to put
 *   it there when nothing of it does: each push left 8 kB of buffers that only a full collection frees, one every 2 to 5 s.
 * - A full collection takes over pages of the young generation as they are where a fifth of one is alive (70 % by default), instead
 *   of copying what is: 4 to 13 ms of its one turn are 1 to 3.
 */
export const SERVE_FLAGS: readonly string[] = [
  '--max-semi-space-size=4',
  '--min-semi-space-size=4',
  '--no-parallel-scavenge',
  '--no-concurrent-array-buffer-sweeping',
  '--no-allocation-site-pretenuring',
  '--page-promotion-threshold=20',
];

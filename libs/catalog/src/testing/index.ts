export { endpoint, record, snapshotOf, upsert } from './records.ts';
export { workload, workloadSnapshot } from './workloads.ts';
export { WatchedCatalog } from './watched-catalog.ts';
export type { WatchedOptions } from './watched-catalog.ts';

export { endpoint, record, snapshotOf } from './records.ts';
export { workload, workloadSnapshot } from './workloads.ts';

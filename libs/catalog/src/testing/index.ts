export { endpoint, record, snapshotOf } from './records.ts';

export { FileLedger } from './file-ledger.ts';
export { MemoryLedger } from './memory-ledger.ts';
export { parseHead } from './shared/head.ts';
export type { Replica } from './shared/head.ts';
export type { ReplicaStatus } from './shared/replica-status.ts';
export { SharedLedger } from './shared/shared-ledger.ts';
export type { LocalLedger, SharedLedgerOptions } from './shared/shared-ledger.ts';
export type { LedgerChange } from './shared/tables.ts';

export { FileLedger } from './file-ledger.ts';
export { MemoryLedger } from './memory-ledger.ts';

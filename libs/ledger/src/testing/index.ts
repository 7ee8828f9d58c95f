export { MemoryServer, MemoryStore } from './memory-store.ts';
export { describeStoreContract } from './store-contract.ts';
export type { StoreHarness } from './store-contract.ts';

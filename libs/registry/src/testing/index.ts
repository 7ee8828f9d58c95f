export { collect } from './collect.ts';
export type { Collector, SourceView } from './collect.ts';
export { describeRegistryContract } from './contract.ts';
export type { ContractOptions } from './contract.ts';
export type { HarnessAbilities, RegistryHarness, TestInstance } from './harness.ts';

export type { HarnessAbilities, RegistryHarness, TestInstance } from './harness.ts';

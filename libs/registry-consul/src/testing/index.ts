export { FakeCatalog } from './fake-catalog.ts';
export type { FakeInstance } from './fake-catalog.ts';
export { FakeConsul } from './fake-consul.ts';
export type { FakeOptions, Instead } from './fake-consul.ts';
export { ConsulLoad, loadInstance } from './load.ts';
export type { LoadInstance, LoadOptions } from './load.ts';
export { realHarness } from './real-harness.ts';

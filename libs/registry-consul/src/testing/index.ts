export { FakeCatalog } from './fake-catalog.ts';
export type { FakeInstance } from './fake-catalog.ts';
export { FakeConsul } from './fake-consul.ts';
export type { FakeOptions, Instead } from './fake-consul.ts';

export { FakeNacos } from './fake-nacos.ts';
export type { FakeNacosOptions } from './fake-nacos.ts';
export type { FakeInstance, FakeServiceName } from './fake-store.ts';
export { loadNacos } from './load.ts';
export type { LoadOptions, NacosLoad } from './load.ts';
export { NacosProvider } from './provider.ts';
export type { ProvidedService, ProviderOptions } from './provider.ts';
export { realHarness } from './real-harness.ts';

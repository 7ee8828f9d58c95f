export { EurekaRest } from './eureka-rest.ts';
export { FakeEureka } from './fake-eureka.ts';
export type { ScriptedAnswer } from './fake-eureka.ts';
export { EurekaLoad } from './load.ts';
export type { EurekaLoadOptions } from './load.ts';
export { realHarness } from './real-harness.ts';
export { EUREKA_ABILITIES, openEureka, scriptedHarness } from './scripted-harness.ts';
export { instanceId, wireInstance } from './wire-instance.ts';
export type { WireInstance } from './wire-instance.ts';

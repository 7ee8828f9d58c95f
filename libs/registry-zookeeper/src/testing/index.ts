export { fakeHarness } from './fake-harness.ts';
export { FakeZookeeper } from './fake-zookeeper.ts';
export { testAbilities, testUser } from './harness.ts';
export { causeOf, openSource, stateOf, testScope } from './open-source.ts';
export { realHarness } from './real-harness.ts';
export { providerUrl } from './registrations.ts';
export { ZkWriter } from './writer.ts';

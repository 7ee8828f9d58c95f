import { describeRegistryContract } from '@isthmus/registry/testing';
import { fakeHarness, testAbilities } from './testing/fake-harness.ts';

describeRegistryContract('Nacos 2 over gRPC (scripted)', () => fakeHarness({ generation: 2 }), testAbilities);
describeRegistryContract('Nacos 3 over gRPC (scripted)', () => fakeHarness({ generation: 3 }), testAbilities);

import { describeRegistryContract } from '@isthmus/registry/testing';
import { fakeHarness } from './testing/fake-harness.ts';
import { testAbilities } from './testing/harness.ts';

describeRegistryContract('ZooKeeper by application (scripted)', () => fakeHarness('application'), testAbilities);
describeRegistryContract('ZooKeeper by interface (scripted)', () => fakeHarness('interface'), testAbilities);

import { describeRegistryContract } from '@isthmus/registry/testing';
import { CONSUL_ABILITIES, fakeHarness } from './testing/fake-harness.ts';

describeRegistryContract('Consul, scripted wire', () => fakeHarness({}), CONSUL_ABILITIES, { deadlineMs: 15_000 });

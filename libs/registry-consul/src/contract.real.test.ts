import { describeRegistryContract } from '@isthmus/registry/testing';
import { CONSUL_ABILITIES } from './testing/fake-harness.ts';
import { realHarness } from './testing/real-harness.ts';

describeRegistryContract('Consul 1.22 with ACLs', realHarness, CONSUL_ABILITIES, { deadlineMs: 15_000 });

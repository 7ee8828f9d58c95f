import { describeRegistryContract } from '@isthmus/registry/testing';
import { CONSUL_ABILITIES } from './testing/fake-harness.ts';
import { realHarness } from './testing/real-harness.ts';

// Away for a whole minute, when the pauses between attempts are at their longest; the other registries are so for some seconds.
describeRegistryContract('Consul 1.22 with ACLs', realHarness, CONSUL_ABILITIES, { deadlineMs: 15_000, outageMs: 60_000 });

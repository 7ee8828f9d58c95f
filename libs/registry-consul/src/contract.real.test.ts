import { describeRegistryContract } from '@isthmus/registry/testing';
import { startConsul } from '@isthmus/servers';
import { CONSUL_ABILITIES } from './testing/fake-harness.ts';
import { realHarness } from './testing/real-harness.ts';

describeRegistryContract('Consul 1.22 with ACLs', () => realHarness(startConsul), CONSUL_ABILITIES, {
  deadlineMs: 15_000,
  outageMs: 5_000,
});

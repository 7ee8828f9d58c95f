import { describeRegistryContract } from '@isthmus/registry/testing';
import { startZookeeper } from '@isthmus/servers';
import { testAbilities } from './testing/harness.ts';
import { realHarness } from './testing/real-harness.ts';

const options = { deadlineMs: 20_000, outageMs: 5_000 };

describeRegistryContract(
  'ZooKeeper 3.9.5 by application',
  () => realHarness(startZookeeper, 'application'),
  testAbilities,
  options,
);
describeRegistryContract('ZooKeeper 3.9.5 by interface', () => realHarness(startZookeeper, 'interface'), testAbilities, options);

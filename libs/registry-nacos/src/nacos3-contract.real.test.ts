import { describeRegistryContract } from '@isthmus/registry/testing';
import { startNacos3 } from '@isthmus/servers';
import { realHarness } from './testing/real-harness.ts';
import { testAbilities } from './testing/fake-harness.ts';

const options = { deadlineMs: 30_000, outageMs: 5_000 };

describeRegistryContract('Nacos 3.1.0 over gRPC', () => realHarness(startNacos3), testAbilities, options);

import { describeRegistryContract } from '@isthmus/registry/testing';
import { startNacos2 } from '@isthmus/servers';
import { realHarness } from './testing/real-harness.ts';
import { testAbilities } from './testing/fake-harness.ts';

const options = { deadlineMs: 30_000, outageMs: 5_000 };

describeRegistryContract('Nacos 2.3.2 over gRPC', () => realHarness(startNacos2), testAbilities, options);

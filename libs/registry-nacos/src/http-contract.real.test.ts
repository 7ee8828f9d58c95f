import { describeRegistryContract } from '@isthmus/registry/testing';
import { startNacos2 } from '@isthmus/servers';
import { testAbilities } from './testing/fake-harness.ts';
import { realHarness } from './testing/real-harness.ts';

describeRegistryContract(
  'Nacos 2.3.2 over its v1 HTTP API',
  () => realHarness(startNacos2, { api: 'http', auth: false }),
  { ...testAbilities, auth: false },
  { deadlineMs: 30_000, outageMs: 5_000 },
);

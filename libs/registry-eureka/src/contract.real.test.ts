import { describeRegistryContract } from '@isthmus/registry/testing';
import { startEureka } from '@isthmus/servers';
import { realHarness } from './testing/real-harness.ts';
import { EUREKA_ABILITIES } from './testing/scripted-harness.ts';

// A second start of the server takes 10 s where two cores are busy.
describeRegistryContract('Eureka 4.3 behind Spring Security', () => realHarness(startEureka), EUREKA_ABILITIES, {
  deadlineMs: 20_000,
  outageMs: 3_000,
});

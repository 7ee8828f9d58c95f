import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { startEureka } from '@isthmus/servers';
import { realHarness } from './testing/real-harness.ts';

describeFaultTable('Eureka behind Spring Security', () => realHarness(startEureka), USUAL_FAULTS, {
  row: 'eureka',
  deadlineMs: 60_000,
});

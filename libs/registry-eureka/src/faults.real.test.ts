import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { realHarness } from './testing/real-harness.ts';

describeFaultTable('Eureka behind Spring Security', realHarness, USUAL_FAULTS, { row: 'eureka', deadlineMs: 60_000 });

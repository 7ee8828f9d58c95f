import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { realHarness } from './testing/real-harness.ts';

describeFaultTable('Consul 1.22 with ACLs', realHarness, USUAL_FAULTS, { row: 'consul', deadlineMs: 60_000 });

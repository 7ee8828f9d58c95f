import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { startConsul } from '@isthmus/servers';
import { realHarness } from './testing/real-harness.ts';

describeFaultTable('Consul 1.22 with ACLs', () => realHarness(startConsul), USUAL_FAULTS, { row: 'consul', deadlineMs: 60_000 });

import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { startNacos3 } from '@isthmus/servers';
import { realHarness } from './testing/real-harness.ts';

const options = { row: 'nacos', deadlineMs: 60_000 };

describeFaultTable('Nacos 3.1.0', () => realHarness(startNacos3), USUAL_FAULTS, options);

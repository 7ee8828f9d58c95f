import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { startNacos2, startNacos3 } from '@isthmus/servers';
import { realHarness } from './testing/real-harness.ts';

const options = { row: 'nacos', deadlineMs: 60_000 };

describeFaultTable('Nacos 2.3.2', () => realHarness(startNacos2), USUAL_FAULTS, options);
describeFaultTable('Nacos 3.1.0', () => realHarness(startNacos3), USUAL_FAULTS, options);

import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { startNacos2 } from '@isthmus/servers';
import { realHarness } from './testing/real-harness.ts';

const options = { row: 'nacos', deadlineMs: 60_000 };

describeFaultTable('Nacos 2.3.2', () => realHarness(startNacos2), USUAL_FAULTS, options);

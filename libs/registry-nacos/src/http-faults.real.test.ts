import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { startNacos2 } from '@isthmus/servers';
import { realHarness } from './testing/real-harness.ts';

const options = { row: 'nacos over http', deadlineMs: 60_000 };

describeFaultTable('Nacos 2.3.2 over its v1 HTTP API', () => realHarness(startNacos2, { api: 'http' }), USUAL_FAULTS, options);

import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { scriptedHarness } from './testing/scripted-harness.ts';

describeFaultTable('a scripted Eureka', scriptedHarness, USUAL_FAULTS, { row: 'eureka' });

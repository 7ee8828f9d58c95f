import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { fakeHarness } from './testing/fake-harness.ts';

describeFaultTable('a scripted Nacos 2', () => fakeHarness(), USUAL_FAULTS, { row: 'nacos' });

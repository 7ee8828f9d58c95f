import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { fakeHarness } from './testing/fake-harness.ts';

describeFaultTable('a scripted Consul', () => fakeHarness({}), USUAL_FAULTS, { row: 'consul' });

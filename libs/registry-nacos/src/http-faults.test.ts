import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { fakeHarness } from './testing/fake-harness.ts';

const nacos1 = { httpOnly: true, api: 'http' } as const;

describeFaultTable('a scripted Nacos 1', () => fakeHarness(nacos1), USUAL_FAULTS, { row: 'nacos over http' });

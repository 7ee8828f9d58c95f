import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { fakeHarness } from './testing/fake-harness.ts';

describeFaultTable('a scripted ZooKeeper', () => fakeHarness('application'), USUAL_FAULTS, { row: 'zookeeper' });

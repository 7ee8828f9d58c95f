import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { fakeHarness } from './testing/fake-harness.ts';

const interfaces = { row: 'zookeeper by interface' };

describeFaultTable('a scripted ZooKeeper', () => fakeHarness('application'), USUAL_FAULTS, { row: 'zookeeper' });
describeFaultTable('a scripted ZooKeeper by interface', () => fakeHarness('interface'), USUAL_FAULTS, interfaces);

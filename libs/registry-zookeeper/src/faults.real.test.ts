import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { startZookeeper } from '@isthmus/servers';
import { realHarness } from './testing/real-harness.ts';

const applications = { row: 'zookeeper', deadlineMs: 60_000 };
const interfaces = { row: 'zookeeper by interface', deadlineMs: 60_000 };

describeFaultTable('ZooKeeper 3.9.5', () => realHarness(startZookeeper, 'application'), USUAL_FAULTS, applications);
describeFaultTable('ZooKeeper 3.9.5 by interface', () => realHarness(startZookeeper, 'interface'), USUAL_FAULTS, interfaces);

import { USUAL_FAULTS, describeFaultTable } from '@isthmus/registry/testing';
import { startZookeeper } from '@isthmus/servers';
import { realHarness } from './testing/real-harness.ts';

const options = { row: 'zookeeper', deadlineMs: 60_000 };

describeFaultTable('ZooKeeper 3.9.5', () => realHarness(startZookeeper, 'application'), USUAL_FAULTS, options);

import { describeSinkContract } from '@isthmus/registry/testing';
import { startNacos2 } from '@isthmus/servers';
import { sinkRealHarness } from './testing/sink-real-harness.ts';

describeSinkContract('Nacos 2.3.2', () => sinkRealHarness(startNacos2), { deadlineMs: 40_000 });

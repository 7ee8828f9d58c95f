import { describeSinkContract } from '@isthmus/registry/testing';
import { sinkRealHarness } from './testing/sink-real-harness.ts';

describeSinkContract('Eureka', sinkRealHarness, { deadlineMs: 40_000 });

import { describeSinkContract } from '@isthmus/registry/testing';
import { sinkRealHarness } from './testing/sink-real-harness.ts';

describeSinkContract('Consul', sinkRealHarness, { deadlineMs: 30_000 });

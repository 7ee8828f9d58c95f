import { describeSinkContract } from '@isthmus/registry/testing';
import { startNacos3 } from '@isthmus/servers';
import type { NacosOptions } from '@isthmus/servers';
import { sinkRealHarness } from './testing/sink-real-harness.ts';

describeSinkContract('Nacos 3.1.0', () => sinkRealHarness((more: NacosOptions) => startNacos3(more)), { deadlineMs: 40_000 });

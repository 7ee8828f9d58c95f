import { describeSinkContract } from '@isthmus/registry/testing';
import { startNacos2, startNacos3 } from '@isthmus/servers';
import type { NacosOptions } from '@isthmus/servers';
import { sinkRealHarness } from './testing/sink-real-harness.ts';

const options = { deadlineMs: 40_000 };

describeSinkContract('Nacos 2.3.2', () => sinkRealHarness(startNacos2), options);
describeSinkContract('Nacos 3.1.0', () => sinkRealHarness((more: NacosOptions) => startNacos3(more)), options);

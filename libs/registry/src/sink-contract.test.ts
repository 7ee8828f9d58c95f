import { MemoryRegistry } from './testing/memory-registry.ts';
import { describeSinkContract } from './testing/sink-contract.ts';

describeSinkContract('A registry in memory', async () => new MemoryRegistry());

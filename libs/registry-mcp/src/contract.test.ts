import type { TypeUrl } from '@isthmus/model';
import { describeRegistryContract } from '@isthmus/registry/testing';
import { bridgeBackend } from './testing/bridge-backend.ts';
import { MCP_ABILITIES, SERVICES, fakeBackend, mcpHarness } from './testing/harness.ts';

describeRegistryContract('MCP, delta from a scripted server', async () => mcpHarness(await fakeBackend({})), MCP_ABILITIES);
describeRegistryContract(
  'MCP, state of the world from a scripted server that knows two types',
  async () =>
    mcpHarness(await fakeBackend({ delta: false, types: [SERVICES, 'networking.istio.io/v1/WorkloadEntry' as TypeUrl] })),
  MCP_ABILITIES,
);
describeRegistryContract('MCP, from the server of a bridge', async () => mcpHarness(await bridgeBackend()), MCP_ABILITIES);

import type { Resource, TypeUrl } from '@isthmus/model';
import { describeRegistryContract } from '@isthmus/registry/testing';
import { SnapshotStore, mcpServer } from '@isthmus/xds';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MCP_ABILITIES, SERVICES, TOKENS, fakeBackend, mcpHarness } from './testing/harness.ts';
import type { McpBackend } from './testing/harness.ts';

describeRegistryContract('MCP, delta from a scripted server', async () => mcpHarness(await fakeBackend({})), MCP_ABILITIES);
describeRegistryContract(
  'MCP, state of the world from a scripted server that knows two types',
  async () =>
    mcpHarness(await fakeBackend({ delta: false, types: [SERVICES, 'networking.istio.io/v1/WorkloadEntry' as TypeUrl] })),
  MCP_ABILITIES,
);
describeRegistryContract('MCP, from the server of a bridge', async () => mcpHarness(await bridgeBackend()), MCP_ABILITIES);

/** The server that a bridge runs, in this process. */
async function bridgeBackend(): Promise<McpBackend> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-mcp-'));
  const tokensFile = join(directory, 'tokens');
  await writeFile(tokensFile, `${TOKENS.right}\n`);
  const store = new SnapshotStore([SERVICES]);
  const server = mcpServer({ host: '127.0.0.1', port: 0, provider: { viewFor: () => store }, auth: { tokensFile } });
  const change = (name: string, resource: Resource | undefined) => ({ type: SERVICES, name, resource });
  return {
    port: await server.listen(),
    put: (resources) => void store.commit(resources.map((resource) => change(resource.name, resource))),
    remove: (name) => void store.commit([change(name, undefined)]),
    clear: () => void store.commit([...store.resources(SERVICES).keys()].map((name) => change(name, undefined))),
    close: async () => {
      await server.close();
      await rm(directory, { recursive: true });
    },
  };
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Resource } from '@isthmus/model';
import { SnapshotStore, mcpServer } from '@isthmus/xds';
import { SERVICES, TOKENS } from './harness.ts';
import type { McpBackend } from './harness.ts';

/** The server that a bridge runs, in this process. */
export async function bridgeBackend(): Promise<McpBackend> {
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
    allow: (isRight) => writeFile(tokensFile, `${isRight ? TOKENS.right : 'a-new-token'}\n`),
    close: async () => {
      await server.close();
      await rm(directory, { recursive: true });
    },
  };
}

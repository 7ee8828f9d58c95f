import type { RegistryKind } from '@isthmus/registry';
import { mcpSchema } from './config.ts';
import type { McpConfig } from './config.ts';
import { mcpDoctor } from './doctor.ts';
import { McpSource } from './source.ts';

export type { McpConfig } from './config.ts';
export { plainEntry, plainWorkload } from './plain-entry.ts';

/** Another bridge, or any other server of MCP over xDS. */
export const mcpRegistry: RegistryKind<McpConfig> = {
  kind: 'mcp',
  schema: mcpSchema,
  createSource: (id, config, deps) => new McpSource(id, config, deps),
  doctor: mcpDoctor,
};

import { clientTlsField, durationField, registryName, serviceFilterField } from '@isthmus/registry';
import { z } from 'zod';

const SERVER = /^(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?):(\d{1,5})$/i;

const server = z
  .string()
  .refine((text) => isServer(text), { error: 'is no host and port: use host:port, such as 127.0.0.1:15010' })
  .describe('host:port of an MCP-over-xDS server.');

const auth = z
  .strictObject({
    tokenFile: z.string().min(1).optional().describe('File with the bearer token, relative to the config file.'),
    tokenEnv: z.string().min(1).optional().describe('Environment variable with the bearer token.'),
  })
  .refine((value) => (value.tokenFile === undefined) !== (value.tokenEnv === undefined), {
    error: 'set one of tokenFile and tokenEnv',
  })
  .describe('Token to show; a bridge has its tokens in outputs.mcp.auth.tokensFile.');

export const mcpSchema = z
  .strictObject({
    name: registryName,
    kind: z.literal('mcp').describe('Another bridge, or any other server of MCP over xDS.'),
    servers: z.array(server).min(1).max(20).describe('Replicas of one server; the next one is tried when one is lost.'),
    services: serviceFilterField.describe('Which hosts to read.'),
    auth: auth.optional(),
    tls: clientTlsField.optional().describe('TLS to the servers; without it connections are plaintext.'),
    timeout: durationField(100, 600_000)
      .prefault('10s')
      .describe(
        'Longest wait for the first answer of a server; a bridge that waits for its own registries answers later. Default 10s.',
      ),
    keepalive: durationField(50, 3_600_000)
      .prefault('30s')
      .describe('A connection is probed this often, and lost when the probe is not answered in a third of it. Default 30s.'),
  })
  .refine((value) => value.auth === undefined || value.tls !== undefined || value.servers.every(isLoopback), {
    path: ['auth'],
    error: 'is a token that would cross the network in clear: add tls',
  });

export type McpConfig = z.output<typeof mcpSchema>;

function isServer(text: string): boolean {
  const port = Number(SERVER.exec(text)?.[1]);
  return port >= 1 && port <= 65_535;
}

function isLoopback(text: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]):\d+$/.test(text);
}

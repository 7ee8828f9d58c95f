import { clientTlsField, durationField, registryName, serviceFilterField } from '@isthmus/registry';
import { z } from 'zod';

/** Consul refuses the 201st connection of one client address by default (`limits.http_max_conns_per_client`). */
const DEFAULT_CONNECTIONS = 128;
/** For one datacenter: the list, the triggers and reads, and a few services with a blocking query of their own. */
const LEAST_CONNECTIONS = 24;

const server = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), 'use http://host:port or https://host:port')
  .refine((text) => !URL.canParse(text) || new URL(text).username === '', 'put no credentials into the URL: use auth.tokenFile')
  .transform((text) => text.replace(/\/+$/, ''));

/** One `kind: consul` entry of `registries:`. */
export const consulConfig = z
  .strictObject({
    name: registryName,
    kind: z.literal('consul'),
    servers: z
      .array(server)
      .min(1)
      .max(16)
      .prefault(['http://127.0.0.1:8500'])
      .describe('Agents to ask, tried in turn: http:// or https://. Over https many services share a connection (HTTP/2).'),
    datacenters: z
      .array(z.string().regex(/^[-_a-z0-9]{1,64}$/i, 'is no name of a datacenter'))
      .max(64)
      .default([])
      .describe('Datacenters to read, each a scope of its own; default: the one that the agent is in.'),
    services: serviceFilterField,
    auth: z
      .strictObject({
        tokenEnv: z.string().min(1).optional().describe('Environment variable that holds the ACL token.'),
        tokenFile: z.string().min(1).optional().describe('File that holds the ACL token; read again at each login.'),
      })
      .refine((auth) => (auth.tokenEnv === undefined) !== (auth.tokenFile === undefined), 'give either tokenEnv or tokenFile')
      .optional()
      .describe('ACL token; service:read and node:read are enough (docs/registries/consul.md).'),
    tls: clientTlsField.optional(),
    passingOnly: z
      .boolean()
      .default(true)
      .describe('true: an instance with a check in warning gets no traffic; false: it gets its Weights.Warning.'),
    maxConnections: z
      .int()
      .min(LEAST_CONNECTIONS)
      .max(16_384)
      .default(DEFAULT_CONNECTIONS)
      .describe('Most connections to Consul; keep it below the agent’s limits.http_max_conns_per_client (200).'),
    wait: durationField(1_000, 600_000).prefault('10m').describe('How long one blocking query may wait for a change; 1s to 10m.'),
    requestTimeout: durationField(100, 60_000)
      .prefault('5s')
      .describe('Longest wait for an answer that Consul does not hold back; also how often the connection is tried.'),
    restartGrace: durationField(0, 3_600_000)
      .prefault('60s')
      .describe('After a Consul that lost its data: how long what has not come back yet is kept, marked stale.'),
  })
  .superRefine((config, context) => {
    const needed = Math.max(1, config.datacenters.length) * LEAST_CONNECTIONS;
    if (config.maxConnections >= needed) return;
    const message = `${config.datacenters.length} datacenters need at least ${needed} connections (${LEAST_CONNECTIONS} each)`;
    context.addIssue({ code: 'custom', path: ['maxConnections'], message });
  })
  .describe('A Consul catalog, read through its HTTP API.');

export type ConsulConfig = z.output<typeof consulConfig>;

import { clientTlsField, durationField, registryName, serviceFilterField } from '@isthmus/registry';
import { z } from 'zod';

const server = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+):[0-9]{1,5}$/, 'write the server as host:port, such as 127.0.0.1:2181')
  .refine((text) => portOf(text) >= 1 && portOf(text) <= 65_535, 'the port must be between 1 and 65535')
  .describe('Client address of one ZooKeeper server.');

const nodePath = z
  .string()
  .regex(/^(?:\/[^/\s]+)+$/, 'write a path that begins with / and does not end with it, such as /dubbo')
  .refine((path) => !path.split('/').some((part) => part === '.' || part === '..'), 'must not hold . or ..');

const auth = z
  .strictObject({
    username: z
      .string()
      .min(1)
      .regex(/^[^:]+$/, 'must not hold a colon')
      .describe('User of the scheme "digest".'),
    passwordFile: z.string().min(1).optional().describe('File with the password, relative to this config file.'),
    passwordEnv: z.string().min(1).optional().describe('Environment variable with the password.'),
  })
  .refine(
    (value) => (value.passwordFile === undefined) !== (value.passwordEnv === undefined),
    'give passwordFile or passwordEnv, and only one of them',
  )
  .describe('Digest authentication; leave it out where everybody may read.');

export const zookeeperConfigSchema = z
  .strictObject({
    name: registryName,
    kind: z.literal('zookeeper').describe('ZooKeeper as Dubbo 2, Dubbo 3 and Spring Cloud use it.'),
    servers: z.array(server).min(1).max(20).describe('Members of one ensemble; the next one is used when one is lost.'),
    root: nodePath
      .default('/dubbo')
      .describe(
        'Node of Dubbo: interfaces, service-name mapping, metadata. Dubbo’s `group` of the registry, if that was changed.',
      ),
    applicationRoot: z
      .union([nodePath, z.literal(false)])
      .default('/services')
      .describe('Node of applications: Dubbo 3’s instances and Spring Cloud’s. false: they are not read.'),
    services: serviceFilterField.describe('Which interfaces and applications to read, by their names.'),
    auth: auth.optional(),
    tls: clientTlsField.optional().describe('TLS to the secureClientPort of all servers.'),
    sessionTimeout: durationField(1_000, 300_000)
      .prefault('10s')
      .describe('Session timeout we ask for. A server that is silent for two thirds of it is lost. Default 10s.'),
    restartGrace: durationField(0, 3_600_000)
      .prefault('60s')
      .describe('How long instances that a ZooKeeper without its data does not know are kept, as stale. Default 60s.'),
  })
  .refine((config) => config.root !== config.applicationRoot, {
    path: ['applicationRoot'],
    error: 'must be another node than root',
  })
  .describe('A ZooKeeper registry.');

export type ZookeeperConfig = z.output<typeof zookeeperConfigSchema>;

function portOf(server: string): number {
  return Number(server.slice(server.lastIndexOf(':') + 1));
}

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export function serverAddress(server: string): ServerAddress {
  return { host: server.slice(0, server.lastIndexOf(':')).replace(/^\[|\]$/g, ''), port: portOf(server) };
}

import { clientTlsField, durationField, registryName, serviceFilterField } from '@isthmus/registry';
import { z } from 'zod';

const serverUrl = z
  .url({ protocol: /^https?$/, error: 'write the server as http://host:port' })
  .describe('HTTP address of one Nacos server; its gRPC port is found by grpcPortOffset. A path replaces /nacos.');

const auth = z
  .strictObject({
    username: z.string().min(1).describe('User with read rights on the namespaces.'),
    passwordFile: z.string().min(1).optional().describe('File with the password, relative to this config file.'),
    passwordEnv: z.string().min(1).optional().describe('Environment variable with the password.'),
  })
  .refine(
    (value) => (value.passwordFile === undefined) !== (value.passwordEnv === undefined),
    'give passwordFile or passwordEnv, and only one of them',
  )
  .describe('How to log in; leave it out where Nacos has no authentication.');

export const nacosConfigSchema = z
  .strictObject({
    name: registryName,
    kind: z.literal('nacos').describe('A Nacos registry, versions 1 to 3.'),
    servers: z.array(serverUrl).min(1).describe('Members of one Nacos cluster; the next one is used when one is lost.'),
    api: z
      .enum(['auto', 'grpc', 'http'])
      .default('auto')
      .describe('grpc: Nacos 2 and 3; http: Nacos 1 (slower, see docs); auto: gRPC when its port answers, else HTTP.'),
    grpcPortOffset: z
      .int()
      .min(1)
      .max(60_000)
      .default(1_000)
      .describe('gRPC port minus HTTP port (nacos.server.grpc.port.offset of Nacos clients).'),
    namespaces: z
      .array(z.string().min(1))
      .min(1)
      .default(['public'])
      .describe('Namespace ids to read; the default one is "public".'),
    groups: z
      .array(
        z
          .string()
          .min(1)
          .regex(/^(?:\*|[^*@>\s]+)$/, 'write a group name, or * alone for all groups'),
      )
      .min(1)
      .default(['*'])
      .describe('Groups to read; * finds them (docs/registries/nacos.md says how and when it cannot).'),
    services: serviceFilterField,
    auth: auth.optional(),
    tls: clientTlsField.optional(),
    grpcTls: z
      .boolean()
      .optional()
      .describe('gRPC over TLS; default: as the server URL says. Nacos switches HTTP and gRPC separately.'),
    listInterval: durationField(200, 3_600_000)
      .prefault('10s')
      .describe('How often services are listed to find new ones (with ±20 % jitter).'),
    restartGrace: durationField(0, 3_600_000)
      .prefault('60s')
      .describe('How long instances that a restarted Nacos does not know yet are kept, as stale.'),
  })
  .describe('A Nacos registry.');

export type NacosConfig = z.output<typeof nacosConfigSchema>;

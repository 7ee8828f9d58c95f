import { z } from 'zod';
import { durationField, sourceName } from './fields.ts';

const auth = z
  .strictObject({
    username: z.string().min(1).describe('User to log in as.'),
    passwordFile: z.string().min(1).optional().describe('File that holds the password.'),
    passwordEnv: z.string().min(1).optional().describe('Environment variable that holds the password.'),
  })
  .describe('How to log in.');

/** Stand-ins for real registry kinds, with the sorts of fields that those have. */
const nacos = {
  kind: 'nacos',
  watchConfigs: true,
  noConfigsWhere: { field: 'api', is: 'http', why: 'configs are watched over gRPC', remedy: 'leave api out' },
  sink: { places: { namespace: true, group: true } },
  schema: z.strictObject({
    name: sourceName.describe('Name of this registry in ids, messages and plans.'),
    kind: z.literal('nacos'),
    servers: z
      .array(z.url({ protocol: /^https?$/ }))
      .min(1)
      .describe('Server URLs; the next is tried when one is lost.'),
    api: z.enum(['auto', 'grpc', 'http']).default('auto').describe('Protocol to speak.'),
    namespaces: z.array(z.string().min(1)).default(['public']).describe('Namespaces to read.'),
    listInterval: durationField(1_000, 600_000, '10s').describe('Time between two listings of all services.'),
    auth: auth.optional(),
  }),
};

const consul = {
  kind: 'consul',
  sink: { places: { namespace: false, group: false } },
  schema: z.strictObject({
    name: sourceName.describe('Name of this registry in ids, messages and plans.'),
    kind: z.literal('consul'),
    servers: z.array(z.url()).min(1).describe('Agent URLs.'),
    passingOnly: z
      .union([z.boolean(), z.strictObject({ except: z.array(z.string()) })])
      .default(true)
      .describe('Whether a warning is unhealthy.'),
    auth: z.strictObject({ tokenFile: z.string().min(1).optional(), tokenEnv: z.string().min(1).optional() }).optional(),
  }),
};

export const testKinds = [nacos, consul];

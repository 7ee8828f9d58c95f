import { clientTlsField, durationField, registryName, serviceFilterField } from '@isthmus/registry';
import { z } from 'zod';

const server = z
  .url({ protocol: /^https?$/, error: 'use http://host:port/eureka or https://host:port/eureka' })
  .refine((text) => !hasCredentials(text), {
    error: 'holds a password: secrets are never inline; use auth.username and auth.passwordFile',
  })
  .transform((text) => text.replace(/\/+$/, ''));

const auth = z
  .strictObject({
    username: z.string().min(1).describe('User name for HTTP basic authentication (Spring Security before Eureka).'),
    passwordFile: z.string().min(1).optional().describe('File with the password, relative to the config file.'),
    passwordEnv: z.string().min(1).optional().describe('Environment variable with the password.'),
  })
  .refine((value) => (value.passwordFile === undefined) !== (value.passwordEnv === undefined), {
    error: 'set one of passwordFile and passwordEnv',
  })
  .describe('Account to read the registry with; without it no credentials are sent.');

export const eurekaSchema = z.strictObject({
  name: registryName,
  kind: z.literal('eureka').describe('Netflix Eureka, Spring Cloud Eureka.'),
  servers: z
    .array(server)
    .min(1)
    .max(20)
    .describe('Base URLs with their path (/eureka, or /eureka/v2). Tried in order; the one that works is kept.'),
  services: serviceFilterField.describe('Which applications to read; Eureka’s names, in any case.'),
  auth: auth.optional(),
  tls: clientTlsField.optional(),
  pollInterval: durationField(10, 300_000)
    .prefault('5s')
    .describe(
      'From the start of a read of what changed to that of the next; up to a fifth is taken off at random. What takes long leaves the servers half of it. Default 5s.',
    ),
  timeout: durationField(10, 300_000)
    .prefault('10s')
    .describe('Longest silence of a server while it answers; a whole answer may take twelve times that. Default 10s.'),
  restartGrace: durationField(0, 3_600_000)
    .prefault('60s')
    .describe('How long instances that a server no longer lists after a restart or a failover are kept as stale. Default 60s.'),
  maxAnswerMegabytes: z
    .int()
    .min(1)
    .max(2_048)
    .default(256)
    .describe('Largest answer that is read, in MiB of JSON; one instance has about 1 kB. Default 256.'),
});

export type EurekaConfig = z.output<typeof eurekaSchema>;

function hasCredentials(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.username !== '' || url.password !== '');
}

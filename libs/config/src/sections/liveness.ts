import { isIP } from 'node:net';
import type { SourceId } from '@isthmus/model';
import { z } from 'zod';
import { durationField, sourceName } from '../fields.ts';

const cidr = z.string().refine((text) => isCidr(text), 'is no range of addresses: use ADDRESS/BITS, such as 10.244.0.0/16');

const patterns = (what: string) =>
  z
    .array(z.string().min(1).max(1_024))
    .max(1_000)
    .describe(`${what}: service ids (registry/namespace/group/name), with * for any characters.`);

const labelNames = z.array(z.string().min(1).max(317)).max(20);

const admission = z.strictObject({
  services: patterns('Services that Ready Pods are admitted to').min(1),
  namespaces: z
    .array(z.string().min(1).max(63))
    .min(1)
    .max(1_000)
    .describe('Kubernetes namespaces whose Pods may be admitted: a Pod of that name in another one is another service.'),
  port: z
    .union([z.int().min(1).max(65_535), z.string().min(1).max(63)])
    .optional()
    .describe('Number or name of the container port; default: the only one that the Pod declares.'),
});

const ownership = z
  .strictObject({
    labels: labelNames
      .default(['app', 'app.kubernetes.io/name', 'k8s-app'])
      .describe("Pod labels whose value is the service's name; the name of the controller counts too."),
    podMetadata: labelNames
      .default(['k8s.pod.name', 'POD_NAME', 'podName'])
      .describe('Metadata of a registration that name its Pod (name or namespace/name).'),
    strict: z
      .boolean()
      .default(false)
      .describe(
        'A Pod that cannot be shown to be of the service is taken for another’s; default: it gets the benefit of the doubt.',
      ),
  })
  .prefault({})
  .describe('How one tells whose Pod has an address.');

const crossCheck = z.strictObject({
  registry: sourceName.describe('The registry, of kind kubernetes, whose Pods are asked.'),
  services: patterns('Services that are checked').default(['*']),
  podCidrs: z
    .array(cidr)
    .max(100)
    .default([])
    .describe(
      'Ranges in which every address is a Pod’s. Without them only addresses at which a Pod was seen are judged. Never a range that other machines share.',
    ),
  ownership,
  admit: z.array(admission).max(100).default([]).describe('Ready Pods that get traffic before their registry lists them.'),
});

const correct = z
  .strictObject({
    registries: z.array(sourceName).min(1).describe('Registries that may be written to.'),
    after: durationField(0, 3_600_000, '1s').describe('How long an endpoint has to be dead before its registry is told.'),
    perMinute: z.int().min(1).max(10_000).default(60).describe('Writes a minute and registry, at most.'),
    dryRun: z
      .boolean()
      .default(false)
      .describe('Write nothing; show in the log and in `isthmus get corrections` what would be written.'),
  })
  .describe(
    'Take dead endpoints out of service at the registry itself, so that SDK callers stop calling them; undone when they live again.',
  );

const checkTls = z
  .strictObject({
    caFile: z.string().min(1).optional().describe('PEM file with the authorities to trust; default: the system’s.'),
    serverName: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .describe('Name to ask for (SNI) and to find in the certificate; default: the address has to be in it.'),
    insecureSkipVerify: z.boolean().default(false).describe('Take any certificate: only whether it answers is checked.'),
  })
  .describe('Check over TLS: https, gRPC over TLS, or for tcp a handshake.');

const check = z.strictObject({
  name: sourceName.describe('Name of these checks in messages, metrics and `isthmus get held`.'),
  services: patterns('Services whose endpoints are checked').min(1),
  type: z
    .enum(['tcp', 'http', 'grpc'])
    .describe('tcp: it accepts a connection; http: it answers 2xx or 3xx; grpc: grpc.health.v1 says SERVING.'),
  targets: z
    .array(cidr)
    .min(1)
    .max(100)
    .describe('Ranges that may be connected to; a registry must not be able to make the bridge call just any address.'),
  path: z.string().startsWith('/').max(2_048).default('/').describe('Path of an http check.'),
  service: z.string().max(253).default('').describe('Service that a grpc check asks for; empty: the server as a whole.'),
  tls: checkTls.optional(),
  interval: durationField(1_000, 3_600_000, '10s').describe('Time between two checks of one endpoint, give or take a fifth.'),
  timeout: durationField(50, 60_000, '2s').describe('What a check may take.'),
  healthy: z.int().min(1).max(100).default(2).describe('Successes in a row after which a failed endpoint is used again.'),
  unhealthy: z.int().min(1).max(100).default(3).describe('Failures in a row after which an endpoint is not used.'),
  perSecond: z
    .number()
    .min(0.1)
    .max(10_000)
    .default(100)
    .describe('Checks a second at most, over all endpoints of these services.'),
  concurrency: z.int().min(1).max(1_000).default(50).describe('Checks at a time, at most.'),
  revive: z
    .boolean()
    .default(false)
    .describe('Use what the registry calls unhealthy when the check says that it is well. What is disabled stays disabled.'),
});

/** `liveness:` in the config. */
export const livenessSchema = z
  .strictObject({
    kubernetes: z
      .array(crossCheck)
      .max(20)
      .optional()
      .describe(
        'Endpoints are checked against the Pods of Kubernetes. Default: all, when one registry is Kubernetes; [] switches it off.',
      ),
    correct: correct.optional(),
    checks: z.array(check).max(100).default([]).describe('Active checks, for what does not run in Kubernetes.'),
  })
  .prefault({})
  .describe('Whether what the registries list is alive.');

export type LivenessInput = z.output<typeof livenessSchema>;

/** Durations are milliseconds. */
export interface LivenessConfig {
  /** Undefined: not said; the only registry that knows Pods is asked. */
  readonly kubernetes: readonly CrossCheckConfig[] | undefined;
  readonly correct: CorrectConfig | undefined;
  readonly checks: readonly CheckConfig[];
}

export interface CrossCheckConfig {
  readonly registry: SourceId;
  readonly services: readonly string[];
  readonly podCidrs: readonly string[];
  readonly ownership: { readonly labels: readonly string[]; readonly podMetadata: readonly string[]; readonly strict: boolean };
  readonly admit: readonly {
    readonly services: readonly string[];
    readonly namespaces: readonly string[];
    readonly port: string | number | undefined;
  }[];
}

export interface CorrectConfig {
  readonly registries: readonly SourceId[];
  readonly afterMs: number;
  readonly perMinute: number;
  readonly dryRun: boolean;
}

export interface CheckConfig {
  readonly name: string;
  readonly services: readonly string[];
  readonly type: 'tcp' | 'http' | 'grpc';
  readonly targets: readonly string[];
  readonly path: string;
  readonly service: string;
  readonly tls:
    { readonly caFile: string | undefined; readonly serverName: string | undefined; readonly insecure: boolean } | undefined;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly healthy: number;
  readonly unhealthy: number;
  readonly perSecond: number;
  readonly concurrency: number;
  readonly revive: boolean;
}

export function livenessConfig({ kubernetes, correct: writes, checks }: LivenessInput): LivenessConfig {
  return {
    kubernetes: kubernetes?.map((entry) => ({
      ...entry,
      admit: entry.admit.map(({ services, namespaces, port }) => ({ services, namespaces, port })),
    })),
    correct: writes && {
      registries: [...new Set(writes.registries)],
      afterMs: writes.after,
      perMinute: writes.perMinute,
      dryRun: writes.dryRun,
    },
    checks: checks.map(({ interval, timeout, tls, ...rest }) => ({
      ...rest,
      tls: tls && { caFile: tls.caFile, serverName: tls.serverName, insecure: tls.insecureSkipVerify },
      intervalMs: interval,
      timeoutMs: timeout,
    })),
  };
}

function isCidr(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  const family = isIP(address);
  return family !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

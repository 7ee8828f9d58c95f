import { z } from 'zod';
import { duration } from '../fields.ts';

const HOUR_MS = 3_600_000;

const exportTo = z
  .array(z.enum(['*', '.']))
  .length(1)
  .optional();
const visibility = (kind: string): string =>
  `Who sees ${kind} that do not say it themselves: ["*"] every namespace, ["."] their own; as in Istio’s MeshConfig.`;
const region = z.string().min(1);

const distribute = z
  .strictObject({
    from: z.string().min(1),
    to: z.record(z.string(), z.number().int().min(1).max(100)),
  })
  .refine(({ to }) => Object.values(to).reduce((sum, share) => sum + share, 0) === 100, 'its shares must sum up to 100');

const localityLbSetting = z
  .strictObject({
    enabled: z.boolean().default(true).describe('false: nobody is preferred for being near.'),
    distribute: z.array(distribute).default([]).describe('Shares by locality: from region/zone/subzone, to each a percentage.'),
    failover: z
      .array(z.strictObject({ from: region, to: region }))
      .default([])
      .describe('Which region comes after a caller’s own; takes outlier detection in the DestinationRule.'),
    failoverPriority: z
      .array(z.string().min(1))
      .max(32)
      .default([])
      .describe('Labels, the most important first: instances that share them with the caller come first.'),
  })
  .refine(
    ({ distribute: shares, failover, failoverPriority }) =>
      shares.length === 0 || failover.length + failoverPriority.length === 0,
    'distribute and failover exclude each other',
  );

/** What of Istio's MeshConfig holds where no rule says otherwise, under the names that it has there. */
export const istioMesh = {
  connectTimeout: duration(1, HOUR_MS).optional().describe('Of connections to instances; Istio’s default is 10s.'),
  tcpKeepalive: z
    .strictObject({
      probes: z.number().int().min(1).max(1_000).optional().describe('Unanswered ones after which a connection is dead.'),
      time: duration(1_000, 24 * HOUR_MS)
        .optional()
        .describe('Idle time before the first.'),
      interval: duration(1_000, 24 * HOUR_MS)
        .optional()
        .describe('Between two.'),
    })
    .optional()
    .describe('Keepalive of connections to instances; what a DestinationRule says of one of the three goes before it.'),
  defaultServiceExportTo: exportTo.describe(visibility('services')),
  defaultVirtualServiceExportTo: exportTo.describe(visibility('VirtualServices')),
  defaultDestinationRuleExportTo: exportTo.describe(visibility('DestinationRules')),
  localityLbSetting: localityLbSetting
    .optional()
    .describe('How callers prefer instances near them, where a DestinationRule does not say it.'),
  defaultHttpRetryPolicy: z
    .strictObject({
      attempts: z.number().int().min(0).max(100).describe('Retries of a call.'),
      perTryTimeout: duration(1, HOUR_MS).optional().describe('Of one attempt.'),
      retryOn: z.string().min(1).optional().describe('Envoy’s conditions and status codes, such as 5xx,reset.'),
      retryRemoteLocalities: z.boolean().optional().describe('Go on to other localities.'),
      retryIgnorePreviousHosts: z.boolean().optional().describe('Try another instance each time; default true.'),
      backoff: duration(1, HOUR_MS).optional().describe('Before the first retry; it doubles.'),
    })
    .optional()
    .describe('Retries of routes that do not say them; attempts: 0 is none. Istio’s default is two.'),
};

const all = z.strictObject(istioMesh);

/** Times in ms; undefined: as Istio. */
export type IstioMesh = z.output<typeof all>;

import { z } from 'zod';

const share = z.number().min(0).max(10_000);

/** `merge.kubernetes` in the config. */
export const kubernetesPairsSchema = z
  .array(
    z.strictObject({
      services: z
        .string()
        .min(1)
        .max(1_024)
        .describe('Services of registries that run in Kubernetes too: service ids, with * for any characters.'),
      kubernetes: z
        .string()
        .regex(/^[^/]+\/[^/]+\/[^/]+$/, 'use REGISTRY/NAMESPACE/NAME, such as k8s/shop/{name}')
        .max(1_024)
        .describe(
          'Its Kubernetes service, REGISTRY/NAMESPACE/NAME; {source}, {namespace}, {group} and {name} stand for the parts of the service id.',
        ),
      policy: z
        .enum(['registry', 'kubernetes', 'both'])
        .describe('Whose instances callers get: those that the registry lists, those of Kubernetes, or all of them.'),
      weights: z
        .strictObject({
          registry: share.describe('Share of calls for instances that the registry lists.'),
          kubernetes: share.describe('Share of calls for instances that only Kubernetes has.'),
        })
        .refine(({ registry, kubernetes }) => registry + kubernetes > 0, 'one of the shares must be more than 0')
        .optional()
        .describe('With policy both: the share of each side; default: every instance counts by its own weight.'),
      port: z
        .union([z.int().min(1).max(65_535), z.string().min(1).max(63)])
        .optional()
        .describe('Name or number of the Kubernetes port; default: the first that speaks what the registered instances speak.'),
      keepHost: z.boolean().default(false).describe('Publish the Kubernetes service under its own host too.'),
    }),
  )
  .max(1_000)
  .default([])
  .describe('Services that are in a registry and in Kubernetes are one service; the first rule that matches counts.');

export type KubernetesPairsInput = z.output<typeof kubernetesPairsSchema>;

export interface KubernetesPairConfig {
  readonly services: string;
  readonly kubernetes: string;
  readonly policy: 'registry' | 'kubernetes' | 'both';
  readonly weights: { readonly registry: number; readonly kubernetes: number } | undefined;
  readonly port: string | number | undefined;
  readonly keepHost: boolean;
}

export function kubernetesPairsConfig(pairs: KubernetesPairsInput): readonly KubernetesPairConfig[] {
  return pairs.map(({ weights, port, ...rest }) => ({ ...rest, weights, port }));
}

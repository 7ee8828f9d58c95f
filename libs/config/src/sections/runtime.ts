import { z } from 'zod';

/** What Envoy's runtime takes: numbers, switches, texts, and shares such as `{ numerator: 5, denominator: HUNDRED }`. */
export type RuntimeValue = number | boolean | string | RuntimeShare;

export interface RuntimeShare {
  readonly numerator: number;
  readonly denominator: 'HUNDRED' | 'TEN_THOUSAND' | 'MILLION';
}

/** Layer → key → value. */
export type RuntimeConfig = Readonly<Record<string, Readonly<Record<string, RuntimeValue>>>>;

const MOST_LAYERS = 20;
const MOST_KEYS = 1_000;

const name = (of: string) =>
  z
    .string()
    .max(256)
    .regex(/^[\w.*:/-]+$/, `use a ${of} of letters, digits and ._:/-*`);

const share = z.strictObject({
  numerator: z.int().min(0).max(1_000_000).describe('Of the denominator.'),
  denominator: z.enum(['HUNDRED', 'TEN_THOUSAND', 'MILLION']).default('HUNDRED').describe('As Envoy names it.'),
});

const layer = z
  .record(name('key'), z.union([z.number(), z.boolean(), z.string().max(4_096), share]))
  .refine((keys) => Object.keys(keys).length <= MOST_KEYS, `has more than ${MOST_KEYS} keys`)
  .describe('One layer: Envoy’s runtime keys and their values.');

/** `outputs.xds.runtime` */
export const runtimeField = z
  .record(name('layer'), layer)
  .refine((layers) => Object.keys(layers).length <= MOST_LAYERS, `has more than ${MOST_LAYERS} layers`)
  .default({})
  .describe(
    'Layers of Envoy’s runtime by name, served by RTDS to proxies whose bootstrap has them (layered_runtime, rtds_layer). A change counts at once.',
  );

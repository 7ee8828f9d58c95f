import { z } from 'zod';
import { duration } from '../fields.ts';

const ttl = (what: string) => duration(3_000, 3_600_000).optional().describe(`Of ${what}.`);

/** `outputs.xds.ttl` */
export const ttlField = z
  .strictObject({
    clusters: ttl('clusters'),
    endpoints: ttl('endpoints'),
    listeners: ttl('listeners'),
    routes: ttl('routes'),
    runtime: ttl('layers of the runtime'),
  })
  .default({})
  .describe(
    'How long an Envoy keeps what it has without hearing from the bridge; the bridge tells it every third of that time. Left out: for ever, which is what calls go by while the bridge is away.',
  );

/** ms by what expires. */
export type TtlConfig = z.output<typeof ttlField>;

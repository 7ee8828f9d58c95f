import { z } from 'zod';
import { durationField } from '../fields.ts';

/** The catalog's `GuardOptions`. */
export interface GuardConfig {
  /** 0 to 100. */
  readonly maxRemovalPercent: number;
  readonly minEndpoints: number;
  readonly holdUnhealthy: boolean;
  readonly confirmAfterMs: number;
  readonly windowMs: number;
  readonly flap: {
    readonly count: number;
    readonly halfLifeMs: number;
    readonly delayMs: number;
    readonly maxDelayMs: number;
  };
  readonly tombstoneTtlMs: number;
}

const HOUR = 3_600_000;

export const guardSection = z
  .strictObject({
    maxRemovalPercent: z
      .number()
      .min(0)
      .max(100)
      .default(50)
      .describe('A change that removes more than this share of a scope’s endpoints is held until it is confirmed. 100: none is.'),
    minEndpoints: z
      .int()
      .min(0)
      .default(10)
      .describe(
        'A change that removes at most this many endpoints is not held, unless it is a complete read that empties a scope of several services.',
      ),
    holdUnhealthy: z
      .boolean()
      .default(true)
      .describe(
        'A change that makes as many endpoints of a scope unhealthy at once is held, too (Nacos, Consul, Eureka, ZooKeeper): that many are rather cut off from their registry than ill. false: what the registry calls unhealthy gets no requests at once.',
      ),
    confirmAfter: durationField(0, 24 * HOUR, '30s').describe(
      'A second complete read that still agrees after this time lets a held change through.',
    ),
    window: durationField(1_000, HOUR, '60s').describe('Removals one by one are added up over this time.'),
    flap: z
      .strictObject({
        count: z.int().min(0).max(1_000).default(3).describe('An instance that went this often is removed later. 0: never.'),
        halfLife: durationField(1_000, 24 * HOUR, '5m').describe('After this time without going it counts half as much.'),
        delay: durationField(0, HOUR, '10s').describe(
          'How long the first damped removal is put off; each further one twice as long.',
        ),
        maxDelay: durationField(0, HOUR, '60s').describe('The longest that one is put off.'),
      })
      .prefault({})
      .describe('Damping of instances that come and go. Only their going is ever put off.'),
    tombstones: z
      .strictObject({
        ttl: durationField(0, 24 * HOUR, '90s').describe(
          'How long a registration that is over is remembered, so that an older view does not bring it back. 0s: not at all.',
        ),
      })
      .prefault({})
      .describe('For registries that number registrations (Eureka).'),
  })
  .prefault({})
  .describe('The guard against deleting what lives.');

export function guardConfig(parsed: z.output<typeof guardSection>): GuardConfig {
  const { flap } = parsed;
  return {
    maxRemovalPercent: parsed.maxRemovalPercent,
    minEndpoints: parsed.minEndpoints,
    holdUnhealthy: parsed.holdUnhealthy,
    confirmAfterMs: parsed.confirmAfter,
    windowMs: parsed.window,
    flap: { count: flap.count, halfLifeMs: flap.halfLife, delayMs: flap.delay, maxDelayMs: flap.maxDelay },
    tombstoneTtlMs: parsed.tombstones.ttl,
  };
}

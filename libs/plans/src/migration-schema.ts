import { POLICIES, RUNGS } from '@isthmus/ladder';
import { parseDuration, parseMeshHost, parseServiceId } from '@isthmus/model';
import { z } from 'zod';
import { GATES, parseCondition } from './gate-expression.ts';
import type { Condition, GateName } from './gate-expression.ts';

const API_VERSION = 'isthmus.dev/v1alpha1';
const CLIMBED = RUNGS.filter((rung) => rung !== 'sdk');
const DAY = 24 * 3_600_000;

const duration = (min: number, max: number, example: string) =>
  z.string().transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= min && ms <= max) return ms;
    const why = ms === undefined ? 'is no time: use a number and a unit' : 'is out of range';
    context.issues.push({ code: 'custom', input: text, message: `${why}, such as ${example}` });
    return z.NEVER;
  });

const condition = (gate: GateName, description: string) =>
  z
    .string()
    .transform((text, context): Condition => {
      const parsed = parseCondition(gate, text);
      if (typeof parsed !== 'string') return parsed;
      context.issues.push({ code: 'custom', input: text, message: parsed });
      return z.NEVER;
    })
    .optional()
    .describe(description);

const gate = z
  .strictObject({
    similarity: condition('similarity', 'Endpoints that SDK and mesh both see, of those that either sees.'),
    errorRateDelta: condition(
      'errorRateDelta',
      'Error rate through the mesh less that of the SDK; 0.5% is half a percentage point.',
    ),
    p99Ratio: condition('p99Ratio', '99th percentile of durations through the mesh, divided by that of the SDK.'),
    attemptsPerRequest: condition('attemptsPerRequest', 'Requests that left for each call.'),
    samples: condition('samples', 'Calls (at shadow: comparisons) below which nothing is decided.'),
  } satisfies Record<(typeof GATES)[number], unknown>)
  .default({})
  .describe('What has to hold before the next step; too few samples never pass.');

const step = z
  .strictObject({
    rung: z.enum(CLIMBED as [(typeof CLIMBED)[number], ...typeof CLIMBED]).describe('Rung of the ladder (docs/agent.md).'),
    percent: z
      .number()
      .gt(0)
      .max(100)
      .default(100)
      .describe('Share of calls on this rung; the others are on the rung below. Default 100.'),
    stickyBy: z
      .string()
      .regex(/^(?:key|trace|(?:header|cookie):[!-+\--.0-9A-Z^_`a-z|~]{1,100})$/, 'use header:NAME, cookie:NAME, key or trace')
      .optional()
      .describe(
        'What keeps calls together: header:NAME, cookie:NAME, trace, or key, which the application gives (withStickyKey). Without it calls are spread evenly.',
      ),
    hand: z
      .array(z.enum(POLICIES))
      .min(1)
      .max(POLICIES.length)
      .optional()
      .describe('At resilience: what the sidecar does, all of it by default; the rest stays in the process.'),
    for: duration(0, 365 * DAY, '10m')
      .prefault('0s')
      .describe('How long it lasts at least.'),
    gate,
    quiet: duration(1_000, 90 * DAY, '24h')
      .optional()
      .describe('At retired: how long no provider may have seen a call that came past the mesh. Default 24h.'),
  })
  .describe('One step up the ladder.');

const target = z
  .string()
  .transform((text, context) => {
    const key = text.includes('/') ? parseServiceId(text) : undefined;
    if (key !== undefined && key.source.length > 0 && key.name !== '') return { kind: 'service' as const, key };
    const host = parseMeshHost(text);
    if (host !== undefined) return { kind: 'host' as const, host };
    context.issues.push({
      code: 'custom',
      input: text,
      message:
        'is no mesh host and no service key: use a host such as orders.default-group.public.nacos, or REGISTRY/NAMESPACE/GROUP/NAME',
    });
    return z.NEVER;
  })
  .describe('The service that is called: a mesh host, or a service key (`isthmus get services`).');

const consumer = z
  .string()
  .regex(
    /^(?:\*|[A-Za-z0-9](?:[-\w.:@]{0,251}[A-Za-z0-9])?)$/,
    "use the name of a service as its agents have it (ISTHMUS_SERVICE), or '*'",
  );

export const migrationSchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION).describe('Version of this format.'),
    kind: z.literal('Migration').describe('What this document is.'),
    metadata: z
      .strictObject({
        name: z
          .string()
          .regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, 'use 1 to 63 lower-case letters, digits and dashes')
          .describe('Name of the plan.'),
        labels: z.record(z.string(), z.string()).optional().describe('For people; not read.'),
        annotations: z.record(z.string(), z.string()).optional().describe('For people; not read.'),
      })
      .describe('What the plan is called.'),
    spec: z
      .strictObject({
        target,
        port: z.int().min(1).max(65_535).optional().describe('Service port of the target; default: the first that speaks HTTP.'),
        consumers: z.array(consumer).min(1).max(1_000).describe("Services that call, as their agents are named; '*' is all."),
        steps: z.array(step).min(1).max(100).describe('Up the ladder, one after the other.'),
        onFailure: z.enum(['rollback', 'pause']).default('rollback').describe('When a gate is not held. Default rollback.'),
        lease: duration(10_000, 365 * DAY, '1h')
          .optional()
          .describe('Without the bridge for longer, agents go back to their SDK; without it they keep the last plan.'),
        originatesTls: z.boolean().optional().describe('The sidecar originates TLS: calls by https may move too.'),
        acceptLossy: z
          .union([z.literal(true), z.array(z.string().min(1).max(200)).max(1_000)])
          .default([])
          .describe('Policies that are lost or only roughly kept at resilience and that you accept, by name; true: all.'),
      })
      .describe('What is to happen.'),
  })
  .describe('A migration plan.');

export type MigrationDocument = z.output<typeof migrationSchema>;

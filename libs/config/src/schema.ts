import { z } from 'zod';
import { durationField, listenerFields } from './fields.ts';
import { agentsSection } from './sections/agents.ts';
import { guardSection } from './sections/guard.ts';
import { istioSection } from './sections/istio.ts';
import { sharedLedgerFields } from './sections/ledger.ts';
import { livenessSchema } from './sections/liveness.ts';
import { mergeSection } from './sections/merge.ts';
import { objectOutputFields } from './sections/outputs.ts';
import { plansSection } from './sections/plans.ts';
import { policiesSection } from './sections/policies.ts';
import { importsSection, publishSection } from './sections/publish.ts';
import { runtimeField } from './sections/runtime.ts';
import { ttlField } from './sections/xds-ttl.ts';
import { unhealthyField } from './sections/xds-unhealthy.ts';

/** What one process runs: reading registries and merging, serving proxies, the control API. */
export const ROLES = ['adapter', 'xds', 'control'] as const;

const outputs = z
  .strictObject({
    mcp: z
      .strictObject(listenerFields)
      .optional()
      .describe('MCP-over-xDS server for istiod (a configSource of its mesh config).'),
    xds: z
      .strictObject({ ...listenerFields, runtime: runtimeField, ttl: ttlField, unhealthy: unhealthyField })
      .optional()
      .describe('xDS server for Envoy and proxyless gRPC.'),
    ...objectOutputFields,
  })
  .prefault({})
  .describe('Where the result goes.');

const control = z
  .strictObject({ ...listenerFields, listen: listenerFields.listen.prefault('127.0.0.1:15080') })
  .prefault({})
  .describe('Control API, console, health and metrics.');

const ledger = z
  .strictObject({
    file: z.string().min(1).default('.isthmus/ledger').describe('File of the ledger; the admin token lies beside it.'),
    maxAge: durationField(60_000, 365 * 24 * 3_600_000, '24h').describe(
      'What no registry has confirmed for longer is an error in `get diagnostics`; it is served all the same.',
    ),
    maxEntries: z
      .int()
      .min(1_000)
      .max(10_000_000)
      .default(500_000)
      .describe('Most entries on disk; services beyond are served, and forgotten by a restart.'),
    ...sharedLedgerFields,
  })
  .prefault({})
  .describe('What cannot be read from the registries again: held removals, last known good, virtual addresses.');

const readiness = z
  .strictObject({
    maxWait: durationField(0, 3_600_000, '60s').describe(
      'How long the outputs wait for registries that cannot be read and of which the ledger knows nothing.',
    ),
  })
  .prefault({})
  .describe('When the outputs start to answer.');

/** The whole file but its registries' own fields, which their kinds know. */
export const configSchema = z.strictObject({
  version: z.literal(1).describe('Version of this format.'),
  meshId: z
    .string()
    .regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, 'use 1 to 63 lower-case letters, digits and dashes')
    .describe('Name of this mesh; two bridges on the same registries need different ones.'),
  roles: z
    .array(z.enum(ROLES))
    .min(1)
    .default([...ROLES])
    .describe('What this process does; all by default.'),
  registries: z.array(z.unknown()).min(1).max(100).describe('The registries to read.'),
  imports: importsSection,
  publish: publishSection,
  merge: mergeSection,
  guard: guardSection,
  outputs,
  control,
  ledger,
  readiness,
  liveness: livenessSchema,
  istio: istioSection,
  plans: plansSection,
  agents: agentsSection,
  policies: policiesSection,
});

export type ParsedConfig = z.output<typeof configSchema>;

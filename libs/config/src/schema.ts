import { PROTOCOLS } from '@isthmus/model';
import { z } from 'zod';
import { durationField, listenerFields, sourceName } from './fields.ts';

/** What one process runs: reading registries and merging, serving proxies, the control API. */
export const ROLES = ['adapter', 'xds', 'control'] as const;

const portNumber = z.int().min(1).max(65_535);

const hostRule = z.strictObject({
  services: z
    .string()
    .min(1)
    .max(1_024)
    .describe('Service ids the rule is for: registry/namespace/group/name, with * for any characters (shop/*/*/orders).'),
  host: z
    .string()
    .min(1)
    .max(253)
    .describe('Mesh host to give them; {source}, {namespace}, {group} and {name} stand for the parts of the service id.'),
});

const merge = z
  .strictObject({
    hosts: z
      .array(hostRule)
      .max(1_000)
      .default([])
      .describe('Rules that map services to mesh hosts; the first that matches counts.'),
    precedence: z
      .array(sourceName)
      .default([])
      .describe(
        'Registries in the order in which they win when several claim one host; the rest follow in the order of registries.',
      ),
    ports: z
      .strictObject(Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, portNumber.optional()])))
      .default({})
      .describe('Service port by protocol, where it is not the usual one (HTTP-like: 80).'),
  })
  .prefault({})
  .describe('How what the registries say becomes mesh hosts.');

const guard = z
  .strictObject({
    maxRemovalPercent: z
      .number()
      .min(0)
      .max(100)
      .default(50)
      .describe('A change that removes more than this share of a scope’s endpoints is held until it is confirmed.'),
    minEndpoints: z.int().min(0).default(10).describe('Scopes with at most this many endpoints are not guarded.'),
    confirmAfter: durationField(0, 24 * 3_600_000, '30s').describe(
      'A second complete read that still agrees after this time lets a held change through.',
    ),
  })
  .prefault({})
  .describe('The guard against mass deletion.');

const outputs = z
  .strictObject({
    mcp: z
      .strictObject(listenerFields)
      .optional()
      .describe('MCP-over-xDS server for istiod (a configSource of its mesh config).'),
    xds: z.strictObject(listenerFields).optional().describe('xDS server for Envoy and proxyless gRPC.'),
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
  merge,
  guard,
  outputs,
  control,
  ledger,
  readiness,
});

export type ParsedConfig = z.output<typeof configSchema>;

import type { SourceId } from '@isthmus/model';
import { z } from 'zod';
import { durationField, sourceName } from '../fields.ts';
import { valueAt } from '../issues.ts';
import type { ConfigProblem } from '../problem.ts';
import type { YamlFile } from '../yaml-file.ts';

/** A ledger that several replicas share. */
export interface SharedLedgerConfig {
  /** The registry whose servers and credentials are used. */
  readonly registry: SourceId;
  readonly place: { readonly name: string; readonly namespace?: string; readonly group?: string };
  readonly leaseMs: number;
  /** URL of this replica's control API for the others; undefined: where it listens. */
  readonly advertise?: string;
}

const STORES = ['consul', 'nacos', 'kubernetes'] as const;

const prefix = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9][-\w./:]*$/, 'use letters, digits, and - _ . / :')
  .optional();
const registry = sourceName.describe('Name of the registry of this kind; its servers, credentials and TLS are used.');

/** Spread into the `ledger` section. */
export const sharedLedgerFields = {
  replicas: z
    .int()
    .min(1)
    .max(100)
    .default(1)
    .describe('How many bridges run with this config. More than 1 need a shared store.'),
  lease: durationField(1_000, 600_000, '15s').describe(
    'When the leader gave no sign for this long, another replica leads. A leader gives one three times as often.',
  ),
  advertise: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('URL of this replica’s control API as others reach it; default: where control listens, unless on all addresses.'),
  consul: z
    .strictObject({ registry, prefix: prefix.describe('Key prefix; default: isthmus/MESHID.') })
    .optional()
    .describe('Keep the ledger in Consul’s KV store.'),
  nacos: z
    .strictObject({
      registry,
      namespace: z.string().min(1).max(128).default('public').describe('Namespace id.'),
      group: z
        .string()
        .max(128)
        .regex(/^[-\w.:]+$/, 'use letters, digits, and - _ . :')
        .default('ISTHMUS')
        .describe('Group of the configs.'),
      prefix: z
        .string()
        .max(100)
        .regex(/^[-\w.:]+$/, 'use letters, digits, and - _ . :')
        .optional()
        .describe('Prefix of the data ids; default: isthmus.MESHID.'),
    })
    .optional()
    .describe('Keep the ledger in configs of Nacos 2 or 3.'),
  kubernetes: z
    .strictObject({
      registry,
      namespace: z.string().min(1).max(63).default('isthmus').describe('Namespace of the Lease and the ConfigMaps.'),
      name: z
        .string()
        .max(63)
        .regex(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/, 'use lower-case letters, digits and dashes')
        .optional()
        .describe('Name of the Lease, and prefix of the ConfigMaps; default: isthmus-MESHID.'),
    })
    .optional()
    .describe('Keep the ledger in a Lease and ConfigMaps.'),
};

type Parsed = z.output<z.ZodObject<typeof sharedLedgerFields>>;

export function sharedLedgerConfig(parsed: Parsed, meshId: string): { readonly shared?: SharedLedgerConfig } {
  const { consul, nacos, kubernetes, lease: leaseMs } = parsed;
  const more = { leaseMs, ...(parsed.advertise === undefined ? {} : { advertise: parsed.advertise }) };
  if (consul !== undefined)
    return { shared: { registry: consul.registry, place: { name: consul.prefix ?? `isthmus/${meshId}` }, ...more } };
  if (nacos !== undefined) {
    const { namespace, group } = nacos;
    return {
      shared: { registry: nacos.registry, place: { name: nacos.prefix ?? `isthmus.${meshId}`, namespace, group }, ...more },
    };
  }
  if (kubernetes === undefined) return {};
  const place = { name: kubernetes.name ?? `isthmus-${meshId}`, namespace: kubernetes.namespace };
  return { shared: { registry: kubernetes.registry, place, ...more } };
}

/** Rules across fields (see `rules.ts`). */
export function ledgerProblems(yaml: YamlFile): readonly ConfigProblem[] {
  const stores = STORES.filter((kind) => isMap(valueAt(yaml.value, ['ledger', kind])));
  const problem = (path: readonly (string | number)[], what: string, why: string, remedy: string): ConfigProblem => ({
    file: yaml.file,
    ...yaml.valueAt([...path]),
    what,
    why,
    remedy,
  });
  const problems: ConfigProblem[] = [];
  const replicas = valueAt(yaml.value, ['ledger', 'replicas']);
  if (stores.length === 0 && typeof replicas === 'number' && replicas > 1) {
    problems.push(
      problem(
        ['ledger', 'replicas'],
        `ledger.replicas is ${replicas}, but the ledger is a file`,
        'each replica would give services addresses of its own and release held removals by itself, so clients that move would be told different things',
        'add a shared store: `ledger: { consul: { registry: NAME } }`, or nacos or kubernetes (docs/replicas.md); or run one replica',
      ),
    );
  }
  if (stores.length > 1) {
    const last = stores.at(-1) as string;
    const what = `the ledger is to be kept in ${stores.join(' and ')}`;
    problems.push(problem(['ledger', last], what, 'there can be one truth', `keep one of them, such as ${stores[0]}`));
  }
  for (const kind of stores) {
    const name = valueAt(yaml.value, ['ledger', kind, 'registry']);
    const entries = valueAt(yaml.value, ['registries']);
    if (typeof name !== 'string' || !Array.isArray(entries)) continue;
    const found = entries.find((entry) => isMap(entry) && entry['name'] === name) as { kind?: unknown } | undefined;
    if (found?.kind === kind) continue;
    const others = entries.flatMap((entry) => (isMap(entry) && entry['kind'] === kind ? [String(entry['name'])] : []));
    problems.push(
      problem(
        ['ledger', kind, 'registry'],
        found === undefined
          ? `ledger.${kind}.registry names "${name.slice(0, 63)}", which is no registry`
          : `ledger.${kind}.registry names "${name.slice(0, 63)}", which is no registry of kind ${kind}`,
        'servers and credentials of the store are those of that registry',
        others.length === 0 ? `add a registry of kind ${kind}, or use another store` : `use ${others.slice(0, 5).join(' or ')}`,
      ),
    );
  }
  return problems;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import type { SourceId } from '@isthmus/model';
import { z } from 'zod';
import { sourceName } from '../fields.ts';
import { valueAt } from '../issues.ts';
import { formatPath } from '../problem.ts';
import type { ConfigProblem } from '../problem.ts';
import { suggest } from '../suggest.ts';
import type { YamlFile } from '../yaml-file.ts';

const meshHost = z.string().min(1).max(253);

const app = z.strictObject({
  service: z.string().min(1).max(253).describe('The service that calls, as plans name consumers and agents themselves.'),
  target: meshHost.optional().describe('Mesh host that every other resource is a call to.'),
  targets: z
    .record(z.string().min(1).max(1_024), meshHost)
    .default({})
    .describe('Mesh hosts by Sentinel resource. Rules of other resources are not lifted.'),
});

export const policiesSection = z
  .strictObject({
    sentinel: z
      .array(
        z.strictObject({
          registry: sourceName.describe('A Nacos (gRPC) under registries, by its name.'),
          namespace: z.string().min(1).max(128).optional().describe('Id of the namespace; default: the first of the registry.'),
          group: z.string().min(1).max(128).default('SENTINEL_GROUP').describe('Their group.'),
          apps: z
            .record(z.string().min(1).max(200), app)
            .refine((apps) => Object.keys(apps).length <= 1_000, 'has more than 1000 applications')
            .describe('By application, as Sentinel names it: rules are in APP-flow-rules and APP-degrade-rules.'),
        }),
      )
      .max(100)
      .default([])
      .describe('Sentinel rules that Nacos keeps: watched, lifted (`GET /agents/lift`), and a gate of plans; never applied.'),
  })
  .prefault({})
  .describe('Policies that registries keep (lift.md).');

export interface SentinelConfig {
  readonly registry: SourceId;
  readonly namespace?: string;
  readonly group: string;
  readonly apps: Readonly<Record<string, SentinelApp>>;
}

export interface SentinelApp {
  readonly service: string;
  readonly target?: string;
  readonly targets: Readonly<Record<string, string>>;
}

export interface PoliciesConfig {
  readonly sentinel: readonly SentinelConfig[];
}

export function policiesConfig({ sentinel }: z.output<typeof policiesSection>): PoliciesConfig {
  return {
    sentinel: sentinel.map(({ registry, namespace, group, apps }) => ({
      ...{ registry: registry as SourceId, group },
      ...(namespace === undefined ? {} : { namespace }),
      apps: Object.fromEntries(
        Object.entries(apps).map(([name, { service, target, targets }]) => [
          name,
          { service, targets, ...(target === undefined ? {} : { target }) },
        ]),
      ),
    })),
  };
}

/** A value of a field of a registry's entry with which it keeps no configs that can be watched. */
export interface NoConfigsWhere {
  readonly field: string;
  readonly is: string;
  readonly why: string;
  readonly remedy: string;
}

interface KeepingKind {
  readonly kind: string;
  readonly watchConfigs?: unknown;
  readonly noConfigsWhere?: NoConfigsWhere | undefined;
}

/** Rules of `policies:` that look at other parts of the file. */
export function policyProblems(yaml: YamlFile, kinds: readonly KeepingKind[]): readonly ConfigProblem[] {
  const entries = valueAt(yaml.value, ['policies', 'sentinel']);
  const registries = valueAt(yaml.value, ['registries']);
  if (!Array.isArray(entries) || !Array.isArray(registries)) return [];
  const keepers = new Map(kinds.filter(({ watchConfigs }) => watchConfigs !== undefined).map((kind) => [kind.kind, kind]));
  const known = new Map(registries.map((one: unknown) => [valueAt(one, ['name']), obstacle(one, keepers)]));
  const names = [...known].flatMap(([name, why]) => (typeof name === 'string' && why === undefined ? [name] : []));
  return entries.flatMap((_, i) => {
    const path = ['policies', 'sentinel', i, 'registry'];
    const name = valueAt(yaml.value, path);
    if (typeof name !== 'string' || names.includes(name)) return [];
    const meant = suggest(name, names);
    const { what, why, remedy } = known.get(name) ?? { what: 'which is no registry' };
    const other =
      names.length === 0 ? `add a registry of kind ${[...keepers.keys()].join(' or ')}` : `use one of ${names.join(', ')}`;
    return [
      {
        file: yaml.file,
        ...yaml.valueAt(path),
        what: `${formatPath(path)} is "${name.slice(0, 63)}", ${what}`,
        why: why ?? 'Sentinel rules are read from a registry of this config that keeps configs',
        remedy: remedy ?? (meant === undefined ? other : `did you mean ${meant}?`),
      },
    ];
  });
}

interface Obstacle {
  readonly what: string;
  readonly why?: string;
  readonly remedy?: string;
}

/** Why Sentinel rules cannot be watched in a registry; undefined: they can. */
function obstacle(registry: unknown, keepers: ReadonlyMap<string, KeepingKind>): Obstacle | undefined {
  const kind = String(valueAt(registry, ['kind']));
  const keeper = keepers.get(kind);
  if (keeper === undefined) return { what: `a ${kind} registry, which keeps no configs` };
  const { noConfigsWhere } = keeper;
  if (noConfigsWhere === undefined || valueAt(registry, [noConfigsWhere.field]) !== noConfigsWhere.is) return undefined;
  const { field, is, why, remedy } = noConfigsWhere;
  return { what: `a ${kind} registry with ${field}: ${is}`, why, remedy };
}

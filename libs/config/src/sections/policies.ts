import type { SourceId } from '@isthmus/model';
import { z } from 'zod';
import { sourceName } from '../fields.ts';
import { valueAt } from '../issues.ts';
import { formatPath } from '../problem.ts';
import type { ConfigProblem } from '../problem.ts';
import { suggest } from '../suggest.ts';
import type { YamlFile } from '../yaml-file.ts';

const meshHost = z.string().min(1).max(253);

const owner = z.strictObject({
  service: z.string().min(1).max(253).describe('The service that calls, as plans name consumers and agents themselves.'),
  target: meshHost.optional().describe('Mesh host that every other resource is a call to.'),
  targets: z
    .record(z.string().min(1).max(1_024), meshHost)
    .default({})
    .describe(
      'Mesh hosts by name: a Sentinel resource, an instance of resilience4j, a command of Hystrix. Others are not lifted.',
    ),
});

const registry = sourceName.describe('A Nacos (gRPC) under registries, by its name.');
const namespace = z.string().min(1).max(128).optional().describe('Id of the namespace; default: the first of the registry.');
const group = z.string().min(1).max(128);
const ownersBy = (most: number, what: string) =>
  z
    .record(z.string().min(1).max(200), owner)
    .refine((owners) => Object.keys(owners).length <= most, `has more than ${most} ${what}`);

export const policiesSection = z
  .strictObject({
    sentinel: z
      .array(
        z.strictObject({
          ...{ registry, namespace },
          group: group.default('SENTINEL_GROUP').describe('Their group.'),
          apps: ownersBy(1_000, 'applications').describe(
            'By application, as Sentinel names it: rules are in APP-flow-rules and APP-degrade-rules.',
          ),
        }),
      )
      .max(100)
      .default([])
      .describe('Sentinel rules that Nacos keeps: watched, lifted (`GET /agents/lift`), and a gate of plans; never applied.'),
    configs: z
      .array(
        z.strictObject({
          ...{ registry, namespace },
          group: group.default('DEFAULT_GROUP').describe('Their group.'),
          dataIds: ownersBy(2_000, 'data ids').describe('By data id; what is not of policies in a text is passed over.'),
        }),
      )
      .max(100)
      .default([])
      .describe(
        'Other configs that Nacos keeps with policies, as Spring’s with `resilience4j` or `hystrix`: watched, lifted, and a gate of plans.',
      ),
  })
  .prefault({})
  .describe('Policies that registries keep (lift.md).');

interface PlaceConfig {
  readonly registry: SourceId;
  readonly namespace?: string;
  readonly group: string;
}

export interface SentinelConfig extends PlaceConfig {
  readonly apps: Readonly<Record<string, PolicyOwner>>;
}

/** Texts of whatever `isthmus lift -f` reads. */
export interface KeptConfig extends PlaceConfig {
  readonly dataIds: Readonly<Record<string, PolicyOwner>>;
}

/** Whose policies they are, and what they are for. */
export interface PolicyOwner {
  readonly service: string;
  readonly target?: string;
  readonly targets: Readonly<Record<string, string>>;
}

export interface PoliciesConfig {
  readonly sentinel: readonly SentinelConfig[];
  readonly configs: readonly KeptConfig[];
}

type Owners = z.output<ReturnType<typeof ownersBy>>;

export function policiesConfig({ sentinel, configs }: z.output<typeof policiesSection>): PoliciesConfig {
  return {
    sentinel: sentinel.map(({ apps, ...place }) => ({ ...placeOf(place), apps: ownersOf(apps) })),
    configs: configs.map(({ dataIds, ...place }) => ({ ...placeOf(place), dataIds: ownersOf(dataIds) })),
  };
}

function placeOf(place: {
  readonly registry: string;
  readonly namespace?: string | undefined;
  readonly group: string;
}): PlaceConfig {
  const { namespace: of, group: inGroup } = place;
  return { registry: place.registry as SourceId, group: inGroup, ...(of === undefined ? {} : { namespace: of }) };
}

function ownersOf(owners: Owners): Readonly<Record<string, PolicyOwner>> {
  return Object.fromEntries(
    Object.entries(owners).map(([name, { service, target, targets }]) => [
      name,
      { service, targets, ...(target === undefined ? {} : { target }) },
    ]),
  );
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
  return ['sentinel', 'configs'].flatMap((part) => placeProblems(yaml, part, kinds));
}

function placeProblems(yaml: YamlFile, part: string, kinds: readonly KeepingKind[]): readonly ConfigProblem[] {
  const entries = valueAt(yaml.value, ['policies', part]);
  const registries = valueAt(yaml.value, ['registries']);
  if (!Array.isArray(entries) || !Array.isArray(registries)) return [];
  const keepers = new Map(kinds.filter(({ watchConfigs }) => watchConfigs !== undefined).map((kind) => [kind.kind, kind]));
  const known = new Map(registries.map((one: unknown) => [valueAt(one, ['name']), obstacle(one, keepers)]));
  const names = [...known].flatMap(([name, why]) => (typeof name === 'string' && why === undefined ? [name] : []));
  return entries.flatMap((_, i) => {
    const path = ['policies', part, i, 'registry'];
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
        why:
          why ??
          `${part === 'sentinel' ? 'Sentinel rules' : 'policies'} are read from a registry of this config that keeps configs`,
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

/** Why configs cannot be watched in a registry; undefined: they can. */
function obstacle(registry: unknown, keepers: ReadonlyMap<string, KeepingKind>): Obstacle | undefined {
  const kind = String(valueAt(registry, ['kind']));
  const keeper = keepers.get(kind);
  if (keeper === undefined) return { what: `a ${kind} registry, which keeps no configs` };
  const { noConfigsWhere } = keeper;
  if (noConfigsWhere === undefined || valueAt(registry, [noConfigsWhere.field]) !== noConfigsWhere.is) return undefined;
  const { field, is, why, remedy } = noConfigsWhere;
  return { what: `a ${kind} registry with ${field}: ${is}`, why, remedy };
}

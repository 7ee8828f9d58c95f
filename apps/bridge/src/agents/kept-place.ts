import type { PoliciesConfig, PolicyOwner } from '@isthmus/config';
import type { LiftedPolicy } from '@isthmus/contract';
import { SENTINEL_KINDS, readKeptPolicies, readSentinelRules, sentinelDataId } from '@isthmus/lift';
import type { ReadRules } from '@isthmus/lift';
import type { SourceId } from '@isthmus/model';

/** A group of a registry's config store, with the texts of it that are followed. */
export interface KeptPlace {
  readonly registry: SourceId;
  /** Absent: the registry's first. */
  readonly namespace?: string;
  readonly group: string;
  readonly texts: readonly KeptText[];
}

export interface KeptText {
  readonly dataId: string;
  /** What it is looked for by: the application that Sentinel names its data ids after, or the data id itself. */
  readonly of: string;
  readonly owner: PolicyOwner;
  readonly format: TextFormat;
}

/** How such a text is read, and what to say where it cannot be. */
export interface TextFormat {
  readonly read: (text: string) => ReadRules;
  readonly fix: string;
}

const ANY: TextFormat = { read: readKeptPolicies, fix: 'correct it in Nacos: docs/lift.md lists what is read' };
const SENTINEL = new Map(
  SENTINEL_KINDS.map((kind): [string, TextFormat] => [
    kind,
    {
      read: (text) => readSentinelRules(text, kind),
      fix: 'correct it in Nacos: a JSON list of rules, as the dashboard writes it',
    },
  ]),
);

/** Everything under `policies:` of the config. */
export function keptPlaces({ sentinel, configs }: PoliciesConfig): readonly KeptPlace[] {
  return [
    ...sentinel.map(({ apps, ...place }) => ({
      ...place,
      texts: Object.entries(apps).flatMap(([app, owner]) =>
        SENTINEL_KINDS.map((kind) => ({
          dataId: sentinelDataId(app, kind),
          of: app,
          owner,
          format: SENTINEL.get(kind) ?? ANY,
        })),
      ),
    })),
    ...configs.map(({ dataIds, ...place }) => ({
      ...place,
      texts: Object.entries(dataIds).map(([dataId, owner]) => ({ dataId, of: dataId, owner, format: ANY })),
    })),
  ];
}

/** The mesh host that a policy is for; undefined: none is named. */
export function hostOf(
  { target, targets }: PolicyOwner,
  { name, host }: Pick<LiftedPolicy, 'name' | 'host'>,
): string | undefined {
  return Object.hasOwn(targets, name) ? targets[name] : (host ?? target);
}

import { hash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { DestinationRuleSchema } from '@isthmus/proto/istio';
import type { DestinationRule, IstioObject, Subset } from '@isthmus/proto/istio';

export type Rule = IstioObject<'DestinationRule'>;

/** One rule that stands for those of a namespace that name the same host. */
export interface ConsolidatedRule {
  readonly rule: Rule;
  readonly exportTo: ReadonlySet<string>;
}

/**
 * The rules of one namespace and host as Istio joins them (pilot's `mergeDestinationRule`): rules with equal `exportTo`
 * become one, whose subsets are all of theirs and whose other fields are the first one's; a rule that is exported
 * further is joined and stands for itself too; workload selectors keep rules apart unless they are equal.
 * @param rules in the order of `compareRules`
 */
export function consolidate(rules: readonly Rule[]): readonly ConsolidatedRule[] {
  const entries: { readonly members: Rule[]; readonly exportTo: ReadonlySet<string> }[] = [];
  for (const rule of rules) {
    const exportTo = visibility(rule);
    let standsAlone = true;
    for (const entry of entries) {
      const known = entry.members[0] as Rule;
      if (sameSet(exportTo, entry.exportTo)) standsAlone = false;
      else {
        standsAlone = true;
        if (entry.exportTo.size === 0 || !entry.exportTo.isSubsetOf(exportTo)) continue;
      }
      const [one, other] = [selector(known), selector(rule)];
      if (one !== undefined && other !== undefined && one !== other) {
        standsAlone = true;
        continue;
      }
      if (one === other) standsAlone = false;
      entry.members.push(rule);
    }
    if (standsAlone) entries.push({ members: [rule], exportTo });
  }
  return entries.map(({ members, exportTo }) => ({ rule: joined(members), exportTo }));
}

/** Those with a workload selector first, then the older, then by name. */
export function compareRules(a: Rule, b: Rule): number {
  const [selectsA, selectsB] = [a.spec.workloadSelector !== undefined, b.spec.workloadSelector !== undefined];
  if (selectsA !== selectsB) return selectsA ? -1 : 1;
  return a.createdAt - b.createdAt || compareText(a.name, b.name) || compareText(a.namespace, b.namespace);
}

/** A rule for some workloads is private to its namespace, whatever it says. */
export function visibility({ spec }: Rule): ReadonlySet<string> {
  if (spec.workloadSelector !== undefined) return OWN;
  return spec.exportTo.length === 0 ? UNSAID : new Set(spec.exportTo);
}

/** Nearly all say nothing, and a set of one's own is 200 bytes. */
const UNSAID: ReadonlySet<string> = new Set();
const OWN: ReadonlySet<string> = new Set(['.']);

function joined(members: readonly Rule[]): Rule {
  const [first, ...rest] = members;
  if (first === undefined || rest.length === 0) return first as Rule;
  const subsets: Subset[] = [...first.spec.subsets];
  let { trafficPolicy } = first.spec;
  for (const { spec } of rest) {
    const taken = new Set(subsets.map(({ name }) => name));
    subsets.push(...spec.subsets.filter(({ name }) => !taken.has(name)));
    trafficPolicy ??= spec.trafficPolicy;
  }
  const spec: DestinationRule = create(DestinationRuleSchema, { ...first.spec, subsets, trafficPolicy });
  return {
    ...first,
    annotations: Object.assign({}, ...members.toReversed().map(({ annotations }) => annotations)) as Rule['annotations'],
    spec,
    version: hash(
      'sha256',
      members.map(({ namespace, name, version }) => `${namespace}/${name} ${version}`).join('\n'),
      'hex',
    ).slice(0, 16),
    place: members.map(({ place }) => place).join(' + '),
  };
}

function selector({ spec }: Rule): string | undefined {
  if (spec.workloadSelector === undefined) return undefined;
  return JSON.stringify(Object.entries(spec.workloadSelector.matchLabels).sort(([a], [b]) => compareText(a, b)));
}

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && a.isSubsetOf(b);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

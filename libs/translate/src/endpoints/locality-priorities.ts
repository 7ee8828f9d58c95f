import type { Locality } from '@isthmus/model';
import { compareText } from '../ordered.ts';
import { labelOf } from './topology-labels.ts';
import type { LoadAssignment, LocalityGroup } from '../load-assignment.ts';
import type { Failover, LocalityRule } from './locality-rule.ts';
import type { LabelledProxy } from './topology-labels.ts';

/** The assignment as one caller sees it: which localities go first, or what share each gets. */
export function seenFrom(proxy: LabelledProxy, assignment: LoadAssignment, rule: LocalityRule): LoadAssignment {
  const { localities } = assignment;
  switch (rule.kind) {
    case 'none':
      return assignment;
    case 'distribute':
      return { localities: distributed(proxy.locality, localities, rule.distribute) };
    case 'failover': {
      if (rule.labels.length === 0) return { localities: byPlace(proxy.locality, localities, rule.regions) };
      const labelled = byLabels(proxy, localities, rule.labels);
      return { localities: rule.regions.length === 0 ? labelled : byPlace(proxy.locality, labelled, rule.regions) };
    }
    case 'zone-aware': {
      const labelled = rule.labels.length === 0 ? localities : byLabels(proxy, localities, rule.labels);
      return { localities: byRegion(proxy.locality, labelled, rule.regions) };
    }
    default:
      return rule satisfies never;
  }
}

type Distribute = Extract<LocalityRule, { kind: 'distribute' }>['distribute'];

/** The first setting for the caller's place gives each of its targets a share; whoever is in none of them gets nothing. */
function distributed(from: Locality, groups: readonly LocalityGroup[], settings: Distribute): readonly LocalityGroup[] {
  const setting = settings.find((one) => isIn(from, one.from));
  if (setting === undefined) return groups;
  const weights = new Map<LocalityGroup, number>();
  for (const [to, share] of Object.entries(setting.to).sort(([a], [b]) => compareText(a, b))) {
    const members = groups.filter((group) => !weights.has(group) && isIn(group.locality, to));
    const total = members.reduce((sum, { weight }) => sum + weight, 0);
    for (const group of members) weights.set(group, Math.ceil((group.weight * share) / total) || group.weight);
  }
  return groups.map((group) => {
    const weight = weights.get(group);
    return weight === undefined ? { ...group, members: [] } : { ...group, weight };
  });
}

/** `region/zone/subzone`, shorter or with `*` for "any". */
function isIn({ region, zone, subzone }: Locality, pattern: string): boolean {
  const [inRegion = '', inZone = '', inSubzone = ''] = pattern.split('/');
  return (
    (inRegion === '*' || inRegion === region) &&
    (inZone === '*' || inZone === '' || inZone === zone) &&
    (inSubzone === '*' || inSubzone === '' || inSubzone === subzone)
  );
}

/** Same subzone, zone, region, then the region that the caller's fails over to, then the rest. */
function byPlace(from: Locality, groups: readonly LocalityGroup[], regions: readonly Failover[]): readonly LocalityGroup[] {
  const failsOver = regions.find((one) => one.from === from.region);
  return compacted(groups, 5, ({ locality }) => {
    if (locality.region !== from.region) return failsOver === undefined || failsOver.to === locality.region ? 3 : 4;
    if (locality.zone !== from.zone) return 2;
    return locality.subzone === from.subzone ? 0 : 1;
  });
}

/** Zones of one region are balanced by Envoy itself, so only regions are told apart. */
function byRegion(from: Locality, groups: readonly LocalityGroup[], regions: readonly Failover[]): readonly LocalityGroup[] {
  const failsOver = regions.find((one) => one.from === from.region);
  return compacted(groups, 3, ({ locality }) => {
    if (locality.region === from.region) return 0;
    return failsOver?.to === locality.region ? 1 : 2;
  });
}

/** Endpoints that share all labels with the caller first, then those that differ in the last of them, and so on. */
function byLabels(proxy: LabelledProxy, groups: readonly LocalityGroup[], labels: readonly string[]): readonly LocalityGroup[] {
  if (isAnonymous(proxy)) return groups;
  const wanted = labels.map((label) => {
    const [name = '', value] = label.split('=');
    return { name, value: value ?? labelOf(proxy, name) ?? '' };
  });
  const split = groups.flatMap((group) => {
    const parts = new Map<number, LocalityGroup['members'][number][]>();
    for (const member of group.members) {
      const differs = wanted.findIndex(({ name, value }) => (labelOf(member.endpoint, name) ?? '') !== value);
      const priority = differs < 0 ? 0 : wanted.length - differs;
      const part = parts.get(priority);
      if (part === undefined) parts.set(priority, [member]);
      else part.push(member);
    }
    return [...parts]
      .sort(([a], [b]) => a - b)
      .map(([priority, members]) => ({ ...group, priority, members, weight: sumOf(members) }));
  });
  return compacted(split, 1, () => 0);
}

/** Nothing is known of it, so nothing can be compared. */
export function isAnonymous({ anonymous, labels, locality, cluster, network }: LabelledProxy): boolean {
  return anonymous !== false && locality.region === '' && cluster === '' && network === '' && Object.keys(labels).length === 0;
}

/** Ranks inside the priority that a group has already; Envoy wants the numbers without gaps. */
function compacted(
  groups: readonly LocalityGroup[],
  ranks: number,
  rank: (group: LocalityGroup) => number,
): readonly LocalityGroup[] {
  const wide = groups.map((group) => (group.priority ?? 0) * ranks + rank(group));
  const used = [...new Set(wide)].sort((a, b) => a - b);
  return groups.map((group, i) => ({ ...group, priority: used.indexOf(wide[i] as number) }));
}

function sumOf(members: LocalityGroup['members']): number {
  return members.reduce((sum, { weight }) => sum + weight, 0);
}

import { isLabel } from './names.ts';
import type { Spot } from './spot.ts';

/** Labels that choose workloads: no empty names, no wildcards; none at all chooses every workload, which few mean. */
export function checkSelector(labels: Readonly<Record<string, string>> | undefined, at: Spot, field: string): void {
  if (labels === undefined) return;
  const entries = Object.entries(labels);
  for (const [key, value] of entries) {
    if (key === '') at.at(field, key).error('has an empty name', 'name the label');
    if (key.includes('*') || value.includes('*'))
      at.at(field, key).error(`is ${JSON.stringify(value)}: wildcards are not known here`, 'name the whole label');
  }
  if (entries.length === 0)
    at.warn('chooses by no label: it holds for all workloads of the namespace', 'name labels, or leave the selector out');
}

interface ExportRules {
  /** `~`, to nobody. */
  readonly allowsNone: boolean;
  /** A rule for some workloads of its namespace stays in it. */
  readonly staysHome: boolean;
}

export function checkExportTo(namespace: string, exportTo: readonly string[], rules: ExportRules, at: Spot): void {
  const seen = new Set<string>();
  for (const [i, entry] of exportTo.entries()) {
    const key = entry === '.' ? namespace : entry;
    const isValid = (rules.allowsNone && entry === '~') || key === '.' || key === '*' || (key !== '~' && isLabel(key));
    if (seen.has(key)) at.at(i).error(`is ${JSON.stringify(entry)}, which is there already`, 'name each namespace once');
    else if (!isValid) at.at(i).error(`is ${JSON.stringify(entry)}`, 'use ".", "*" or the name of a namespace');
    else seen.add(key);
  }
  if (rules.staysHome && seen.size > 0 && (seen.size > 1 || !seen.has(namespace)))
    at.error('goes beyond its own namespace, which a rule with a workloadSelector cannot', 'use ["."]');
  if ((seen.has('*') || seen.has('~')) && exportTo.length > 1)
    at.error(`has ${seen.has('*') ? '"*"' : '"~"'} and others beside it`, 'keep one of them');
}

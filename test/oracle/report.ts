import Table from 'cli-table3';
import { resourceKinds } from './resource-set.ts';
import type { Json, ResourceKind } from './resource-set.ts';
import type { Verdict } from './verdict.ts';

/** One line when equal, else a line for each difference, at most `most`: `-` is istiod's, `+` ours. */
export function reportCase(verdict: Verdict, kinds: readonly ResourceKind[], most: number): string {
  const { name, missed, gone } = verdict;
  const found = verdict.differences.filter(({ kind }) => kinds.includes(kind));
  const lines = found.slice(0, most).map(({ kind, path, istiod, ours }) => {
    const sides = [...(istiod === undefined ? [] : [`- ${text(istiod)}`]), ...(ours === undefined ? [] : [`+ ${text(ours)}`])];
    return `    ${kind} ${path}\n${sides.map((side) => `      ${side}\n`).join('')}`;
  });
  const more = found.length > most ? `    and ${found.length - most} more (--all)\n` : '';
  const shows = missed.map((line) => `    shows nothing: istiod's ${line}\n`).join('');
  const explained = gone.map((place) => `    explained, but equal: ${place}\n`).join('');
  return `${found.length === 0 ? '✓' : '✗'} ${name}\n${shows}${explained}${lines.join('')}${more}`.trimEnd();
}

/** How many cases of each area are equal, by kind of resource. */
export function reportTable(verdicts: readonly Verdict[]): string {
  const areas = [...new Set(verdicts.map(({ name }) => areaOf(name)))];
  const table = new Table({ head: ['area', 'cases', ...resourceKinds, 'equal'], style: { head: [], border: [] } });
  for (const area of [...areas, 'all']) {
    const those = verdicts.filter(({ name }) => area === 'all' || areaOf(name) === area);
    const equal = (kind?: ResourceKind): number =>
      those.filter(({ differences }) => !differences.some((found) => kind === undefined || found.kind === kind)).length;
    table.push([area, those.length, ...resourceKinds.map(equal), equal()]);
  }
  return table.toString();
}

function areaOf(name: string): string {
  return name.slice(0, name.indexOf('/'));
}

function text(value: Json): string {
  const json = JSON.stringify(value);
  return json.length > 400 ? `${json.slice(0, 400)}…` : json;
}

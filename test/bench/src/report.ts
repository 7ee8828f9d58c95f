import { figure } from './statistics.ts';
import { isMet } from './scenario.ts';
import type { ScenarioResult, Table, Target } from './scenario.ts';

export interface Section {
  readonly name: string;
  readonly title: string;
  readonly date: string;
  readonly loadBefore: string;
  readonly loadAfter: string;
  readonly machine: readonly string[];
  readonly result: ScenarioResult;
}

/** The section of one scenario, with its own date and load: scenarios may be run one by one. */
export function sectionText(section: Section): string {
  const { name, title, date, loadBefore, loadAfter, result } = section;
  const blocks = [
    `${mark(name)}\n\n## ${title}`,
    result.about,
    `Measured ${date} on ${section.machine.join('; ')}. Load average before: ${loadBefore}; after: ${loadAfter}.`,
    ...result.tables.map(tableText),
    targetsText(result.targets),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

/** The whole file: new sections in place of old ones of their name, the others as they were. */
export function resultsText(old: string, sections: ReadonlyMap<string, string>, order: readonly string[]): string {
  const known = new Map([...oldSections(old), ...sections]);
  const bodies = order.flatMap((name) => known.get(name) ?? []);
  return `${HEAD}\n${bodies.join('\n')}`;
}

const HEAD = `# What the bench measured

Written by \`npm run bench\` (docs/bench.md says what each part means); figures are of the run named in each part and of nothing else.
`;

function mark(name: string): string {
  return `<!-- scenario: ${name} -->`;
}

function oldSections(old: string): [string, string][] {
  return [...old.matchAll(/<!-- scenario: ([a-z-]+) -->[^]*?(?=\n<!-- scenario: |$)/g)].map((match) => [
    match[1] as string,
    `${match[0].trimEnd()}\n`,
  ]);
}

function tableText({ title, columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [`**${title}**`, '', line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

function targetsText(targets: readonly Target[]): string {
  if (targets.length === 0) return '';
  const rows = targets.map((target) => [target.what, limitText(target), figure(target.measured, target.unit), verdict(target)]);
  return tableText({ title: 'Targets', columns: ['what', 'target', 'measured', 'met'], rows });
}

function limitText({ atMost, unit }: Target): string {
  return `≤ ${Number(atMost.toPrecision(3))}${unit === '' ? '' : ` ${unit}`}`;
}

function verdict(target: Target): string {
  if (isMet(target)) return 'yes';
  const because = target.because === undefined ? '' : `: ${target.because}`;
  if (!Number.isFinite(target.measured)) return `**no**, not measured${because}`;
  return `**no**, ${figure(target.measured - target.atMost, target.unit)} (${Math.round((target.measured / target.atMost - 1) * 100)} %) too much${because}`;
}

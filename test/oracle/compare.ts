/**
 * `node --conditions=source test/oracle/compare.ts [--istiod|--ours|--shows] [--all] [--type KIND]… [case…]`; see README.md. Exit code 1
 * when something differs.
 */
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { missedShows } from './check-shows.ts';
import { startOracle } from './istiod-oracle.ts';
import { readCases } from './oracle-case.ts';
import type { OracleCase } from './oracle-case.ts';
import { reportCase, reportTable } from './report.ts';
import { resourceKinds } from './resource-set.ts';
import type { ResourceKind, ResourceSet } from './resource-set.ts';
import { judge } from './verdict.ts';
import type { Verdict } from './verdict.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    istiod: { type: 'boolean', default: false },
    ours: { type: 'boolean', default: false },
    shows: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    type: { type: 'string', multiple: true, default: [] },
  },
});
const kinds = values.type.length === 0 ? resourceKinds : resourceKinds.filter((kind) => values.type.includes(kind));
const cases = readCases().filter(({ name }) => positionals.length === 0 || positionals.some((word) => name.startsWith(word)));

/** istiod's answer as it is, but for `--type`; what a case should show and does not is said too. */
async function answers(oracleCase: OracleCase): Promise<number> {
  const answer = await oracle.translate(oracleCase);
  if (values.istiod) print(oracleCase.name, answer);
  const missed = missedShows(oracleCase, answer);
  for (const line of missed) console.log(`${oracleCase.name}: istiod's ${line}`);
  return missed.length;
}

function print(name: string, set: ResourceSet): void {
  const chosen = Object.fromEntries(kinds.map((kind: ResourceKind) => [kind, set[kind]]));
  console.log(stringify({ [name]: chosen }, { lineWidth: 0, aliasDuplicateObjects: false }));
}

process.stdout.on('error', () => process.exit()); // `| head` has seen enough
await using oracle = await startOracle();
const verdicts: Verdict[] = [];
let bad = 0;
for (const oracleCase of cases) {
  try {
    if (values.istiod || values.shows) {
      bad += await answers(oracleCase);
      continue;
    }
    const verdict = await judge(oracle, oracleCase);
    verdicts.push(verdict);
    if (values.ours) print(verdict.name, verdict.ours);
    else console.log(reportCase(verdict, kinds, values.all ? Infinity : 20));
  } catch (error) {
    bad += 1;
    console.log(`✗ ${oracleCase.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}
if (verdicts.length > 0) console.log(reportTable(verdicts));
process.exitCode = bad > 0 || verdicts.some(({ differences }) => differences.length > 0) ? 1 : 0;

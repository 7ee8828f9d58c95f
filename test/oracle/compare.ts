/**
 * `node --conditions=source test/oracle/compare.ts [--istiod] [--shows] [--raw] [--type clusters|listeners|routes|endpoints] [case…]`;
 * see README.md.
 */
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { missedShows } from './check-shows.ts';
import { startOracle } from './istiod-oracle.ts';
import { readCases } from './oracle-case.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { istiod: { type: 'boolean', default: false }, shows: { type: 'boolean', default: false } },
});
const cases = readCases().filter(({ name }) => positionals.length === 0 || positionals.some((word) => name.startsWith(word)));
await using oracle = await startOracle();
for (const oracleCase of cases) {
  try {
    const began = performance.now();
    const theirs = await oracle.translate(oracleCase);
    if (values.istiod) console.log(stringify({ [oracleCase.name]: theirs }));
    for (const missed of missedShows(oracleCase, theirs)) console.log(`${oracleCase.name}: ${missed}`);
    if (values.shows) console.error(`${oracleCase.name} ${(performance.now() - began).toFixed(0)} ms`);
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
  }
}

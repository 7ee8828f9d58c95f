import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startOracle } from './istiod-oracle.ts';
import type { Oracle } from './istiod-oracle.ts';
import { randomRules } from './random-destination-rules.ts';
import { judge } from './verdict.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
}, 900_000); // it may have to be built first
afterAll(async () => {
  await oracle[Symbol.asyncDispose]();
});

/** The same on every run; another seed is another 150 meshes. */
const cases = randomRules(20_261_121, 150);

test.each(cases.map((oracleCase) => [oracleCase.name, oracleCase] as const))(
  '%s: istiod and Isthmus send the same',
  async (_, oracleCase) => {
    const { differences } = await judge(oracle, oracleCase);
    const found = JSON.stringify(differences.slice(0, 5), undefined, 2);
    expect(differences.length === 0 ? '' : `${oracleCase.yaml}\n${found}`).toBe('');
  },
);

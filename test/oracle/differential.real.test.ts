import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startOracle } from './istiod-oracle.ts';
import type { Oracle } from './istiod-oracle.ts';
import { readCases } from './oracle-case.ts';
import { reportCase } from './report.ts';
import { resourceKinds } from './resource-set.ts';
import { judge } from './verdict.ts';

/** Cases that are not equal yet. It only gets shorter: one that has become equal has to leave. */
const unequal = new Set(
  readFileSync(join(import.meta.dirname, 'unequal.txt'), 'utf8')
    .split('\n')
    .filter(Boolean),
);
const cases = readCases();

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
}, 900_000); // it may have to be built first
afterAll(async () => {
  await oracle[Symbol.asyncDispose]();
});

test('there are at least 150 cases, of which at most a few wait', () => {
  expect(cases.length).toBeGreaterThanOrEqual(150);
  expect([...unequal].filter((name) => !cases.some((known) => known.name === name))).toEqual([]);
});

describe('what istiod and Isthmus send to a proxy is the same', () => {
  test.each(cases.map((oracleCase) => [oracleCase.name, oracleCase] as const))('%s', async (name, oracleCase) => {
    const verdict = await judge(oracle, oracleCase);
    expect({ shows: verdict.missed, explainedButEqual: verdict.gone }).toEqual({ shows: [], explainedButEqual: [] });
    const isEqual = verdict.differences.length === 0;
    // The report says where; a case of the list that is equal must be taken out of it.
    if (!unequal.has(name)) expect(isEqual ? '' : reportCase(verdict, resourceKinds, 20)).toBe('');
    else expect(`${name} is ${isEqual ? 'equal: take it out of unequal.txt' : 'not equal yet'}`).toBe(`${name} is not equal yet`);
  });
});

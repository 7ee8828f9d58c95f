import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { startOracle } from './istiod-oracle.ts';
import type { Oracle } from './istiod-oracle.ts';
import { randomCase } from './random-case.ts';
import { reportCase } from './report.ts';
import { judge } from './verdict.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
}, 900_000); // it may have to be built first
afterAll(async () => {
  await oracle[Symbol.asyncDispose]();
});

test('rules put together at random give the routes that istiod makes of them', async () => {
  await fc.assert(
    fc.asyncProperty(randomCase, async (oracleCase) => {
      const verdict = await judge(oracle, oracleCase);
      const isEqual = verdict.differences.every(({ kind }) => kind !== 'routes');
      expect(isEqual ? '' : `${oracleCase.yaml}\n${reportCase(verdict, ['routes'], 20)}`).toBe('');
    }),
    { numRuns: 60 },
  );
}, 180_000);

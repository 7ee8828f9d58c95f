import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { startOracle } from './istiod-oracle.ts';
import type { Oracle } from './istiod-oracle.ts';
import { randomCase } from './random-case.ts';
import { reportCase } from './report.ts';
import { resourceKinds } from './resource-set.ts';
import { judge } from './verdict.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
}, 900_000); // it may have to be built first
afterAll(async () => {
  await oracle[Symbol.asyncDispose]();
});

test('rules put together at random give all that istiod makes of them', async () => {
  await fc.assert(
    fc.asyncProperty(randomCase, async (oracleCase) => {
      const verdict = await judge(oracle, oracleCase);
      const isEqual = verdict.differences.length === 0;
      expect(isEqual ? '' : `${oracleCase.yaml}\n${reportCase(verdict, resourceKinds, 20)}`).toBe('');
    }),
    { numRuns: 60, seed: 20_261_122 },
  );
}, 180_000);

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { startOracle } from './istiod-oracle.ts';
import type { Oracle } from './istiod-oracle.ts';
import { randomMesh } from './random-mesh.ts';
import { reportCase } from './report.ts';
import { resourceKinds } from './resource-set.ts';
import { translateCase } from './ours.ts';
import { judge } from './verdict.ts';

/** The same on every run; `ISTHMUS_ORACLE_SEED=7 ISTHMUS_ORACLE_RUNS=2000` are others. */
const SEED = Number(process.env['ISTHMUS_ORACLE_SEED'] ?? 20_261_122);
const RUNS = Number(process.env['ISTHMUS_ORACLE_RUNS'] ?? 100);

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
}, 900_000); // it may have to be built first
afterAll(async () => {
  await oracle[Symbol.asyncDispose]();
});

test(
  'services, rules, Sidecars and Gateways put together at random give all that istiod makes of them',
  async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(randomMesh, async (mesh) => {
        const refused = await oracle.translate(mesh).then(
          () => '',
          (error: Error) => error.message,
        );
        if (refused !== '') return expect(translateCase(mesh)).rejects.toThrow();
        compared += 1;
        const verdict = await judge(oracle, mesh);
        const report = verdict.differences.length === 0 ? '' : `${mesh.yaml}\n${reportCase(verdict, resourceKinds, 20)}`;
        expect(report).toBe('');
      }),
      { numRuns: RUNS, seed: SEED },
    );
    // Few of them contradict themselves.
    expect(compared).toBeGreaterThan(RUNS / 2);
  },
  60_000 + RUNS * 3_000,
);

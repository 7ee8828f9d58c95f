import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import CircuitBreaker from 'opossum';
import { OpossumModel } from './opossum-model.ts';

beforeEach(() => void jest.useFakeTimers({ now: 0 }));
afterEach(() => void jest.useRealTimers());

const options = fc.record({
  errorThresholdPercentage: fc.integer({ min: 0, max: 100 }),
  volumeThreshold: fc.integer({ min: 0, max: 8 }),
  rollingCountTimeout: fc.constantFrom(100, 1_000, 1_050),
  rollingCountBuckets: fc.constantFrom(1, 5, 10),
  resetTimeout: fc.integer({ min: 1, max: 500 }),
});
const calls = fc.array(fc.record({ after: fc.integer({ min: 0, max: 300 }), ok: fc.boolean() }), { maxLength: 60 });

test('the model lets through and turns away what the real opossum does, call by call', async () => {
  await fc.assert(
    fc.asyncProperty(options, calls, async (chosen, made) => {
      const begin = Date.now();
      const breaker = new CircuitBreaker(async (ok: boolean) => { if (!ok) throw new Error('failed'); }, { ...chosen, timeout: false }); // prettier-ignore
      const model = new OpossumModel(chosen);
      try {
        for (const { after, ok } of made) {
          await jest.advanceTimersByTimeAsync(after);
          const error: unknown = await breaker.fire(ok).then(() => undefined, (reason: unknown) => reason); // prettier-ignore
          const passed = (error as { code?: string } | undefined)?.code !== 'EOPENBREAKER';
          expect(model.call(Date.now() - begin, ok)).toBe(passed);
          expect(model.stateAt(Date.now() - begin) === 'closed').toBe(breaker.closed);
        }
      } finally {
        breaker.shutdown();
      }
    }),
    { numRuns: 200 },
  );
});

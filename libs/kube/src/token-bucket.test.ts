import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TokenBucket } from './token-bucket.ts';

/** A bucket on a clock that only moves when somebody waits or is told to. */
function bucketAt(perSecond: number, burst: number) {
  const clock = { now: 0 };
  const waits: number[] = [];
  const wait = async (ms: number) => void waits.push(ms);
  return { bucket: new TokenBucket({ perSecond, burst, now: () => clock.now, wait }), clock, waits };
}

const never = new AbortController().signal;

test('as many as the burst go at once, the others one after another', async () => {
  const { bucket, waits } = bucketAt(10, 3);
  for (let n = 0; n < 5; n += 1) await bucket.take(never);
  expect(waits).toEqual([100, 200]);
});

test('a quiet time gives the burst back, and no more', async () => {
  const { bucket, clock, waits } = bucketAt(10, 3);
  for (let n = 0; n < 3; n += 1) await bucket.take(never);
  clock.now = 60_000;
  for (let n = 0; n < 4; n += 1) await bucket.take(never);
  expect(waits).toEqual([100]);
});

test('in any window never more than the burst and what the rate gives', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 10 }),
      fc.array(fc.nat(500)),
      async (rate, burst, gaps) => {
        const clock = { now: 0 };
        const went: number[] = [];
        let waited = 0;
        const bucket = new TokenBucket({ perSecond: rate, burst, now: () => clock.now, wait: async (ms) => void (waited = ms) });
        for (const gap of gaps) {
          clock.now += gap;
          waited = 0;
          await bucket.take(never);
          went.push(clock.now + waited);
        }
        went.sort((a, b) => a - b);
        for (const [i, from] of went.entries()) {
          for (const [j, to] of went.entries()) {
            if (j >= i) expect(j - i + 1).toBeLessThanOrEqual(burst + ((to - from) * rate) / 1_000 + 1e-6);
          }
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('aborting gives up the waiting', async () => {
  const abort = new AbortController();
  const bucket = new TokenBucket({ perSecond: 0.001, burst: 1 });
  await bucket.take(abort.signal);
  const second = bucket.take(abort.signal);
  abort.abort(new Error('enough'));
  await expect(second).rejects.toThrow('enough');
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BUCKETS, bucketOf, bucketOfCall, isInShare, saltOf } from './share.ts';

const percents = fc.double({ min: 0, max: 100, noNaN: true });

describe('a share of calls', () => {
  test('keeps a caller that is in it in every larger one', () => {
    fc.assert(
      fc.property(fc.string(), percents, percents, (key, a, b) => {
        const bucket = bucketOf(saltOf('orders'), key);
        const [less, more] = a < b ? [a, b] : [b, a];
        expect(isInShare(bucket, less) && !isInShare(bucket, more)).toBe(false);
      }),
    );
  });

  test('of 0 has nobody and of 100 everybody', () => {
    fc.assert(
      fc.property(fc.string(), (key) => {
        const bucket = bucketOf(saltOf('orders'), key);
        expect([isInShare(bucket, 0), isInShare(bucket, 100)]).toEqual([false, true]);
      }),
    );
  });

  test('has its size over many keys, within a percent', () => {
    const inShare = Array.from({ length: 20_000 }, (_, at) => bucketOf(saltOf('orders'), `user-${at}`)).filter((bucket) =>
      isInShare(bucket, 5),
    );
    expect(inShare.length / 20_000).toBeGreaterThan(0.04);
    expect(inShare.length / 20_000).toBeLessThan(0.06);
  });

  test('of calls without a key is even in every hundred calls', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.integer({ min: 1, max: 99 }), (name, first, percent) => {
        const calls = Array.from({ length: 100 }, (_, at) => bucketOfCall(saltOf(name), first + at));
        expect(Math.abs(calls.filter((bucket) => isInShare(bucket, percent)).length - percent)).toBeLessThanOrEqual(5);
      }),
    );
  });

  test('has other callers for another target', () => {
    const first = (target: string) =>
      new Set(
        Array.from({ length: 2_000 }, (_, at) => `user-${at}`).filter((key) => isInShare(bucketOf(saltOf(target), key), 10)),
      );
    const [orders, payments] = [first('orders'), first('payments')];
    const both = [...orders].filter((key) => payments.has(key)).length;
    expect(both).toBeLessThan(orders.size / 2);
  });

  test('places are the ones of every version: a user does not move when the agent is upgraded', () => {
    expect(['ada', 'grace', 'Ünï', ''].map((key) => bucketOf(saltOf('orders'), key))).toEqual([230, 4275, 3844, 6408]);
    expect(BUCKETS).toBe(10_000);
  });
});

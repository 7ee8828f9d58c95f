import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LATENCY_BOUNDS } from '@isthmus/ladder';
import { ArmCounts } from './arm-counts.ts';

describe('the calls of a way', () => {
  test('are counted since they were told last', () => {
    const counts = new ArmCounts();
    counts.retried(1);
    counts.ended(0.2, false);
    counts.ended(0.55, true);
    expect(counts.take()).toEqual({ calls: 2, failures: 1, attempts: 3, latency: [1, 1] });
    expect(counts.isEmpty).toBe(true);
    expect(counts.take()).toEqual({ calls: 0, failures: 0, attempts: 0, latency: [] });
  });

  test('are in the first place whose bound is not below their duration, and in the last one when it is above all', () => {
    const durations = fc.oneof(fc.double({ min: 0, max: 100_000, noNaN: true }), fc.constantFrom(...LATENCY_BOUNDS));
    fc.assert(
      fc.property(durations, (ms) => {
        const counts = new ArmCounts();
        counts.ended(ms, false);
        const expected = LATENCY_BOUNDS.findIndex((bound) => ms <= bound);
        expect(counts.take().latency.indexOf(1)).toBe(expected === -1 ? LATENCY_BOUNDS.length : expected);
      }),
    );
  });

  test('of a clock that says nonsense do no harm', () => {
    const counts = new ArmCounts();
    for (const ms of [Number.NaN, -5, Number.POSITIVE_INFINITY]) counts.ended(ms, false);
    const { calls, latency } = counts.take();
    expect([calls, latency[0], latency[LATENCY_BOUNDS.length]]).toEqual([3, 2, 1]);
  });
});

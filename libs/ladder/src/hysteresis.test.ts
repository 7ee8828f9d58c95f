import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DEFAULT_LIMITS, UNSEEN, observe } from './hysteresis.ts';
import type { Hysteresis, Observation } from './hysteresis.ts';

const seen = (observations: readonly (readonly [number, Observation['outcome']])[], from: Hysteresis = UNSEEN): Hysteresis =>
  observations.reduce((state, [at, outcome]) => observe(state, { at, outcome }), from);

const ready = seen([[0, 'good']]);

describe('a sidecar', () => {
  test('is ready after its first good answer and not before', () => {
    expect(UNSEEN.kind).toBe('lost');
    expect(ready.kind).toBe('ready');
  });

  test('survives one bad answer, and is lost by two in a row', () => {
    const bad: [number, 'bad' | 'good'][] = [
      [1, 'bad'],
      [2, 'good'],
      [3, 'bad'],
    ];
    expect(seen(bad, ready).kind).toBe('ready');
    expect(seen([...bad, [4, 'bad']], ready)).toMatchObject({ kind: 'lost', since: 4 });
  });

  test('is lost at once when it is proven dead', () => {
    expect(seen([[1, 'dead']], ready).kind).toBe('lost');
  });

  test('comes back after two seconds of good answers without a bad one', () => {
    const lost = seen([[1_000, 'dead']], ready);
    const nearly: [number, 'bad' | 'good'][] = [
      [2_000, 'good'],
      [3_900, 'good'],
    ];
    expect(seen(nearly, lost).kind).toBe('lost');
    expect(seen([...nearly, [4_000, 'good']], lost).kind).toBe('ready');
    expect(seen([...nearly, [3_950, 'bad'], [4_000, 'good'], [5_900, 'good']], lost).kind).toBe('lost');
  });

  test('that flaps waits twice as long each time, up to five minutes, and two seconds again after a quiet minute', () => {
    let state = seen([[0, 'dead']], ready);
    let at = 0;
    const waits: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      waits.push(state.waitMs);
      state = seen([[(at += 1), 'good'], [(at += state.waitMs), 'good'], [(at += 1), 'dead']], state); // prettier-ignore
    }
    expect(waits.slice(0, 4)).toEqual([2_000, 4_000, 8_000, 16_000]);
    expect(waits.at(-1)).toBe(300_000);
    const quiet = seen([[(at += 1), 'good'], [(at += state.waitMs), 'good'], [(at += 60_000), 'dead']], state); // prettier-ignore
    expect(quiet.waitMs).toBe(2_000);
  });

  test('is never regained by less good time than the shortest wait, whatever it answers', () => {
    const outcomes = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 3_000 }), fc.constantFrom<Observation['outcome']>('good', 'bad', 'dead')),
    );
    fc.assert(
      fc.property(outcomes, (steps) => {
        let at = 0;
        let state = seen([[0, 'dead']], ready);
        let good: number | undefined;
        for (const [ms, outcome] of steps) {
          at += ms;
          const before = state;
          state = observe(state, { at, outcome });
          good = outcome === 'good' ? (good ?? at) : undefined;
          if (before.kind === 'lost' && state.kind === 'ready')
            expect(at - (good ?? at)).toBeGreaterThanOrEqual(DEFAULT_LIMITS.regainAfterMs);
        }
      }),
    );
  });
});

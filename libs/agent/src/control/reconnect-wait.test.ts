import { describe, expect, jest, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import fc from 'fast-check';
import { LONGEST_WAIT_MS, waitMs } from './reconnect-wait.ts';
import { FollowedControl } from './testing/followed-control.ts';

const AGENTS = 10_000;
const TENTHS = 10;

/** Numbers in [0, 1), the same in every run: Weyl's sequence of the golden ratio. */
function evenly(): () => number {
  let last = 0;
  return () => (last = (last + 0.618_033_988_749_894_9) % 1);
}

/** How many of a fleet come in each tenth of the time from the first to `to`. */
function arrivals(from: number, to: number, wait: () => number): readonly number[] {
  const counts = Array.from({ length: TENTHS }, () => 0);
  for (let agent = 0; agent < AGENTS; agent += 1) {
    const tenth = Math.floor(((wait() - from) / (to - from)) * TENTHS);
    counts[tenth] = (counts[tenth] ?? 0) + 1;
  }
  return counts;
}

describe('the wait before an agent connects again', () => {
  test.each([0, 1, 4, 7, 50])(
    'after %i failures is spread: of a fleet no tenth of the time has much more than a tenth',
    (failures) => {
      const longest = Math.min(LONGEST_WAIT_MS, 250 * 2 ** failures);
      const random = evenly();
      const counts = arrivals(longest / 2, longest, () => waitMs(failures, 0, random));
      expect([counts.length, Math.max(...counts) < AGENTS * 0.15, Math.min(...counts) > AGENTS * 0.05]).toEqual([
        TENTHS,
        true,
        true,
      ]);
    },
  );

  test('is spread where the bridge said when to come, too, and is no shorter', () => {
    const random = evenly();
    // Longer than what the first failure waits by itself. Two draws a wait, of which this takes the second.
    const counts = arrivals(5_000, 7_500, () => waitMs(0, 5_000, random));
    expect([counts.length, Math.max(...counts) < AGENTS * 0.15, Math.min(...counts) > AGENTS * 0.05]).toEqual([
      TENTHS,
      true,
      true,
    ]);
  });

  test('is never shorter than a half of the longest, and never longer, whatever is drawn', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, drawn) => {
        const longest = Math.min(LONGEST_WAIT_MS, 250 * 2 ** failures);
        const wait = waitMs(failures, 0, () => drawn);
        expect(wait).toBeGreaterThanOrEqual(longest / 2);
        expect(wait).toBeLessThanOrEqual(longest); // equal by rounding
      }),
    );
  });

  test('is what the stream waits by, each time with a draw of its own', async () => {
    const world = await FollowedControl.open();
    const timers = jest.spyOn(globalThis, 'setTimeout');
    try {
      const drawn: number[] = [];
      const random = evenly();
      world.bridge.stream = (_request, response) => void response.writeHead(503).end();
      world.follow({
        random: () => {
          const next = random();
          drawn.push(next);
          return next;
        },
      });
      await until('it came again twice', () => world.bridge.streams.length >= 3);
      const asked = timers.mock.calls.map(([, ms]) => ms);
      for (const failures of [0, 1]) {
        const expected = drawn.map((one) => waitMs(failures, 0, () => one));
        expect(expected.filter((ms) => asked.includes(ms))).not.toEqual([]);
      }
      expect(new Set(drawn).size).toBe(drawn.length);
    } finally {
      timers.mockRestore();
      await world.close();
    }
  });
});

import { expect, test } from '@jest/globals';
import { Sightings } from './sightings.ts';

test('all that was seen of a service is there, in its order, over many pieces of memory', () => {
  const sightings = new Sightings();
  for (let n = 0; n < 200_000; n += 1) sightings.add(n % 3, n, n + 0.5);
  const found = sightings.byService();
  expect([...found.keys()]).toEqual([0, 1, 2]);
  const second = found.get(1) ?? [];
  expect(second).toHaveLength(66_667);
  expect(second.every(([weight, at], n) => weight === 3 * n + 1 && at === weight + 0.5)).toBe(true);
});

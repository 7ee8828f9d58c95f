import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Places } from './places.ts';

const step = fc.tuple(fc.constantFrom('take', 'take', 'free'), fc.constantFrom('a', 'b', 'c', 'd', 'e'));

test('there are never more than the most, none is free while somebody waits, and who came first is first', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3 }), fc.array(step, { maxLength: 40 }), (most, steps) => {
      const places = new Places(most);
      const taken = new Set<string>();
      let queue: readonly string[] = [];
      for (const [what, key] of steps) {
        if (what === 'free') {
          places.free(key);
          taken.delete(key);
          queue = queue.filter((one) => one !== key);
          const next = places.next();
          expect(next).toEqual(queue.slice(0, most - taken.size));
          for (const one of next) if (places.take(one)) taken.add(one);
          queue = queue.slice(next.length);
        } else if (places.take(key)) taken.add(key);
        else if (!queue.includes(key)) queue = [...queue, key];
        expect(places.taken).toBe(taken.size);
        expect(taken.size).toBeLessThanOrEqual(most);
        expect(places.next()).toEqual([]);
        expect(queue.length === 0 || taken.size === most).toBe(true);
      }
    }),
  );
});

test('where who leads has given away one more, one that it has not decided goes', () => {
  const places = new Places(1);
  expect([places.take('own'), places.take('given', true), places.isOver]).toEqual([true, true, true]);
  expect([places.take('own'), places.take('given', true), places.isOver]).toEqual([false, true, false]);
  places.free('given');
  expect(places.next()).toEqual(['own']);
});

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { MeshHost, MeshService } from '@isthmus/model';
import { ServiceList, compareServices } from './service-order.ts';
import type { HeldService } from './service-order.ts';

const held = (n: number): HeldService => ({
  service: { host: `s-${n}.test` as MeshHost, namespace: 'default', declared: { createdAt: n % 3 } } as unknown as MeshService,
});
const inOrder = (list: ServiceList): readonly Readonly<HeldService>[] => list.pieces.flat();

test('law: whatever came and went, a list has what is left, in order', () => {
  const numbers = fc.uniqueArray(fc.nat(100_000), { maxLength: 2_000, size: 'max' });
  fc.assert(
    fc.property(numbers, fc.infiniteStream(fc.boolean()), (come, goes) => {
      const list = new ServiceList();
      const left = new Set<HeldService>();
      for (const n of come) {
        const each = held(n);
        list.add(each);
        left.add(each);
        const [first] = left;
        if (first === undefined || goes.next().value === true) continue;
        list.remove(first);
        left.delete(first);
      }
      expect(list.size).toBe(left.size);
      expect(inOrder(list)).toEqual([...left].sort((a, b) => compareServices(a.service, b.service)));
      for (const each of left) list.remove(each);
      expect(list.size).toBe(0);
      expect(inOrder(list)).toEqual([]);
    }),
    { numRuns: 30 },
  );
});

test('what is not in it is not taken out of it, though it is alike', () => {
  const list = new ServiceList();
  list.add(held(1));
  list.remove(held(1));
  list.remove(held(2));
  expect(list.size).toBe(1);
});

test('long lists are moved in parts: no piece is longer than 512', () => {
  const list = new ServiceList();
  for (let n = 0; n < 3_000; n += 1) list.add(held((n * 7_919) % 3_001));
  expect(inOrder(list)).toHaveLength(3_000);
  expect(Math.max(...list.pieces.map(({ length }) => length))).toBeLessThanOrEqual(512);
});

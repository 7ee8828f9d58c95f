import { expect, test } from '@jest/globals';
import type { Resource } from '@isthmus/model';
import { LayeredMap } from './layered-map.ts';
import { listBody } from './list-body.ts';
import { sharedSet } from './shared-sets.ts';
import { SnapshotStore } from './snapshot-store.ts';
import { CDS, EDS } from './type-urls.ts';
import { wholeBody } from './whole-body.ts';

const many = Array.from({ length: 2_500 }, (_, n): Resource => ({ name: `n${n}`, version: '1', bytes: Buffer.from(`v${n}`) }));

function all<T>(...steps: Generator<void, T>[]): T[] {
  const results = steps.map(() => undefined as T | undefined);
  // In turns, as clients that connect at the same time.
  for (let left = steps.length; left > 0;)
    for (const [i, each] of steps.entries()) {
      const step = each.next();
      if (step.done !== true || results[i] !== undefined) continue;
      results[i] = step.value;
      left -= 1;
    }
  return results as T[];
}

test('clients that connect together and ask for the same, each in its own order, share one body', () => {
  const [first, second] = all(listBody(many, 'delta', EDS), listBody(many.toReversed(), 'delta', EDS));
  expect(second).toBe(first);
  const [other, less] = all(listBody(many, 'sotw', EDS), listBody(many.slice(1), 'delta', EDS));
  expect(other).not.toBe(first);
  expect(Buffer.concat(less!).length).toBeLessThan(Buffer.concat(first!).length);
});

test('all of a type is made once for who asks meanwhile; a node with resources of its own shares the rest', () => {
  const store = new SnapshotStore([CDS]);
  store.commit(many.map((resource) => ({ type: CDS, name: resource.name, resource })));
  const own = new Map([['mine', { name: 'mine', version: '1', bytes: Buffer.from('m') }]]);
  const node = {
    revision: 0,
    resources: () => new LayeredMap(own, store.resources(CDS), store.version(CDS)),
    version: () => 'x',
    subscribe: () => () => undefined,
  };
  const [first, second, layered] = all(
    wholeBody(store, CDS, 'sotw', CDS),
    wholeBody(store, CDS, 'sotw', CDS),
    wholeBody(node, CDS, 'sotw', CDS),
  );
  expect(second).toBe(first);
  expect(layered!.slice(0, -1).every((part, i) => part === first![i])).toBe(true);
  expect(layered!.at(-1)!.toString()).toContain('m');
});

test('the same names are one set, in whatever order; a list with a name twice is another one', () => {
  const names = many.map(({ name }) => name);
  expect(sharedSet(names.toReversed())).toBe(sharedSet(names));
  expect(sharedSet([...names.slice(1), 'n1'])).toEqual(new Set(names.slice(1)));
  expect(sharedSet([...names.slice(1), 'another'])).toEqual(new Set([...names.slice(1), 'another']));
});

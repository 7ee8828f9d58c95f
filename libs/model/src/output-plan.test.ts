import { expect, test } from '@jest/globals';
import { isEmptyPlan, planOf } from './output-plan.ts';

test('a plan names what is new, what differs and what would go, sorted, with both texts', () => {
  const there = new Map([
    ['same', '1'],
    ['other', 'old'],
    ['gone', 'x'],
  ]);
  const wanted = new Map([
    ['same', '1'],
    ['other', 'new'],
    ['z', '3'],
    ['a', '2'],
  ]);
  const plan = planOf('files out', there, wanted);
  expect(plan).toEqual({
    output: 'files out',
    creates: [
      { name: 'a', after: '2' },
      { name: 'z', after: '3' },
    ],
    updates: [{ name: 'other', before: 'old', after: 'new' }],
    deletes: [{ name: 'gone', before: 'x' }],
    unchanged: 1,
    diagnostics: [],
  });
  expect(isEmptyPlan(plan)).toBe(false);
  expect(isEmptyPlan(planOf('files out', wanted, wanted))).toBe(true);
});

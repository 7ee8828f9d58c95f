import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readPolicies } from './read-policies.ts';
import { readSentinelRules } from './read-sentinel.ts';

const FLOW = { resource: 'stock', grade: 0, count: 20 };
const DEGRADE = { resource: 'stock', grade: 1, count: 0.5, timeWindow: 10 };

test('has the same policies as a file with the same rules', () => {
  for (const [kind, rule] of [
    ['flow', FLOW],
    ['degrade', DEGRADE],
  ] as const) {
    // prettier-ignore
    const text = JSON.stringify([rule]);
    const file = readPolicies(text);
    expect(readSentinelRules(text, kind)).toEqual({ ok: true, policies: file.ok && file.policies, bad: [] });
  }
});

test('a bad rule costs itself, and says where it is', () => {
  const text = JSON.stringify([{ count: 1 }, FLOW, 7, { ...FLOW, count: 'many' }]);
  expect(readSentinelRules(text, 'flow')).toEqual({
    ok: true,
    policies: [expect.objectContaining({ library: 'sentinel-flow', name: 'stock' })],
    bad: [
      { at: 0, what: 'has no resource' },
      { at: 2, what: 'is no rule' },
      { at: 3, what: expect.stringContaining('count') },
    ],
  });
  expect(readSentinelRules(JSON.stringify([FLOW]), 'degrade')).toMatchObject({ policies: [], bad: [{ at: 0 }] });
});

test.each(['', ' \n', '[]'])('%j is no rules', (text) => {
  expect(readSentinelRules(text, 'flow')).toEqual({ ok: true, policies: [], bad: [] });
});

test.each(['{', '{"a": 1}', 'null', `[${'0,'.repeat(6_000)}0]`, ' '.repeat(2_000_000)])('nothing of it is used: %#', (text) => {
  expect(readSentinelRules(text, 'flow')).toEqual({ ok: false, what: expect.any(String) });
});

test('never throws, and accounts for every element', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { maxLength: 20 }), fc.constantFrom('flow', 'degrade'), (list, kind) => {
      const read = readSentinelRules(JSON.stringify(list), kind);
      expect(read.ok && read.policies.length + read.bad.length).toBe(list.length);
    }),
  );
});

test('what is no JSON is told with what is around the fault, whatever lines it is on', () => {
  expect(readSentinelRules('[\n {"a":1},\n x\n]', 'flow')).toEqual({
    ok: false,
    what: `it is no JSON: Unexpected token 'x', "[ {"a":1}, x ]" is not valid JSON`,
  });
});

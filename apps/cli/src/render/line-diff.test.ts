import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { lineDiff } from './line-diff.ts';

test('shows what goes and comes with the lines around it', () => {
  const before = 'a\nb\nc\nd\ne\nf\ng\nh\n';
  const after = 'a\nb\nc\nX\ne\nf\ng\nh\ni\n';
  expect(lineDiff(before, after)).toEqual([' b', ' c', '-d', '+X', ' e', ' f', ' g', ' h', '+i']);
  expect(lineDiff('1\n2\n3\n4\n5\n6\n7\n8\n9\n', 'x\n2\n3\n4\n5\n6\n7\n8\ny\n')).toEqual([
    '-1',
    '+x',
    ' 2',
    ' 3',
    '…',
    ' 7',
    ' 8',
    '-9',
    '+y',
  ]);
});

test('of nothing everything is new, of equal texts nothing', () => {
  expect(lineDiff('', 'a\nb\n')).toEqual(['+a', '+b']);
  expect(lineDiff('a\n', 'a\n')).toEqual([]);
});

test('whatever the texts: what is not new is from the old one, in order, and the other way round', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 }).map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(text, text, (before, after) => {
      const diff = lineDiff(before, after);
      fc.pre(!diff.includes('…'));
      const side = (sign: string) => diff.filter((line) => line.startsWith(sign)).map((line) => line.slice(1));
      const lines = (t: string) => (t === '' ? [] : t.split('\n'));
      expect(side('-').length - side('+').length).toBe(lines(before).length - lines(after).length);
      for (const line of side('-')) expect(lines(before)).toContain(line);
      for (const line of side('+')) expect(lines(after)).toContain(line);
    }),
  );
});

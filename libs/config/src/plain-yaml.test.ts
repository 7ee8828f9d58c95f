import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDocument, stringify } from 'yaml';
import { plainYaml } from './plain-yaml.ts';
import { parseYamlDocuments } from './yaml-file.ts';

/** What the parser that knows places makes of it. */
function withPlaces(text: string): { readonly value: unknown; readonly start: number | undefined } | undefined {
  const doc = parseDocument(text, { prettyErrors: false, strict: true, uniqueKeys: true });
  if (doc.errors.length > 0 || doc.warnings.length > 0) return undefined;
  return { value: doc.toJS(), start: doc.contents?.range?.[0] };
}

/** Where it answers at all, it answers as the other; a text that the other refuses it may leave alone or refuse. */
function expectTheSame(text: string): void {
  const plain = plainYaml(text, 50);
  if (plain !== undefined) expect({ ...plain }).toEqual(withPlaces(text));
}

const scalars = [
  '12', '-3', '+12', '0777', '0o17', '0x1F', '1_000', '1e3', '1.5', '.5', '5.', '.inf', '-.INF', '.nan', '12e03', '-2E+05', '0.', '-0',
  '9007199254740993', 'true', 'True', 'TRUE', 'yes', 'no', 'on', 'off', 'y', 'null', 'Null', '~', '', 'NULL', 'nUll', '2026-01-31',
  '2026-01-31T12:00:00Z', '12:30:45', '1.2.3', '10.0.0.1', '=', '"a\\n\\u00e9"', "'it''s'", '"x: y"', 'a#b', 'a #b', 'http://a:80/b?c=d', '0b11', '1s',
]; // prettier-ignore

describe('a plain document', () => {
  test.each(scalars)('the scalar `%s` is what it is to the parser that knows places', (scalar) => {
    expectTheSame(`a: ${scalar}\n`);
    expectTheSame(`- ${scalar}\n`);
    expectTheSame(`{ a: [${scalar}], b: ${scalar} }\n`);
    expectTheSame(`${scalar === '' ? 'x' : scalar}: 1\n`);
  });

  test.each([
    ['comments and blank lines before it', '# hello\n\n  # more\n--- # begins\n\na: 1\n', 4],
    ['an indented start', '  a: 1\n  b: 2\n', 3],
    ['CRLF', '# x\r\na: 1\r\nb: two\r\n', 1],
    ['block texts', 'a: |\n  one\n    two\n\nb: >-\n  three\n  four\n\n  five\nc: |+\n  x\n\n', 1],
    ['a plain text of several lines', 'a: one\n  two\n\n  three\nb: "x\n  y \\\n  z"\n', 1],
    ['lists on the level of their key', 'a:\n- b: 1\n  c: 2\n- - d\n  - e\n', 1],
    ['flow in many lines', '{\n  "a": [1,\n 2], b: {c: d},\n}\n', 1],
  ])('with %s is read at once, and begins where the other says', (_, text) => {
    expect(plainYaml(text, 50)).toBeDefined();
    expectTheSame(text);
  });

  test.each([
    ['an anchor', 'a: &x 1\nb: *x\n'],
    ['a tag', 'a: !!str 1\n'],
    ['a merge key', 'a: { <<: { b: 1 } }\n'],
    ['a key twice', 'a: 1\na: 2\n'],
    ['two documents', 'a: 1\n---\nb: 2\n'],
    ['content behind the mark', '--- a: 1\n'],
    ['a directive', '%YAML 1.2\n---\na: 1\n'],
    ['an end', 'a: 1\n...\n'],
    ['an explicit key', '? a\n: 1\n'],
    ['a prototype', '__proto__: { a: 1 }\n'],
    ['a key that is null', 'a: { null: 1 }\n'],
    ['a tab', 'a:\t1\n'],
    ['only a text', 'hello\n'],
    ['nothing', '# nothing\n'],
    ['a bracket that stays open', 'a: [1\n'],
  ])('with %s is left to the other parser', (_, text) => {
    expect(plainYaml(text, 50)).toBeUndefined();
  });

  test('whatever is written, both read the same', () => {
    const { value } = fc.letrec((tie) => ({
      leaf: fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.double(), fc.integer(), fc.boolean(), fc.constant(null), fc.constantFrom(...scalars)),
      value: fc.oneof({ depthSize: 'small' }, tie('leaf'), fc.array(tie('value')), fc.dictionary(fc.string(), tie('value'))),
    })); // prettier-ignore
    fc.assert(
      fc.property(value, fc.constantFrom(20, 80, 0), (written, lineWidth) => expectTheSame(stringify(written, { lineWidth }))),
      { numRuns: 500 },
    );
  });

  test('pieces of YAML put together at random are read alike, or left to the other', () => {
    const pieces = ['a', ': ', '- ', '\n', '\n  ', '\n    ', '"', "'", '[', ']', '{', '}', ', ', '|', '>-', '#', ' #', '1', '.', 'b:', '\\n', '%', '@', '`', '-', '?', '~', '0']; // prettier-ignore
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 14 }), (parts) => expectTheSame(parts.join(''))),
      { numRuns: 3_000 },
    );
  });

  test('places within it are found when they are asked for', () => {
    const parsed = parseYamlDocuments('x.yaml', Buffer.from('# x\nspec:\n  hosts:\n  - one\n  - two\n'), 1_000);
    const [document] = 'documents' in parsed ? parsed.documents : [];
    expect(document?.valueAt([])).toEqual({ line: 2, column: 1 });
    expect(document?.valueAt(['spec', 'hosts', 1])).toEqual({ line: 5, column: 5 });
    expect(document?.keyAt(['spec', 'hosts'])).toEqual({ line: 3, column: 3 });
    expect(document?.valueAt(['spec', 'none'])).toEqual({ line: 2, column: 1 });
  });
});

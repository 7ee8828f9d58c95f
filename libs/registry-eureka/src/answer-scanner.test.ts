import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AnswerError } from './answer-error.ts';
import { AnswerScanner } from './answer-scanner.ts';
import type { AnswerHead, Piece } from './answer-scanner.ts';

function scan(bytes: Buffer, chunk = bytes.length, most = 1_000_000): { head: AnswerHead; pieces: Piece[] } {
  const scanner = new AnswerScanner(most);
  const pieces: Piece[] = [];
  for (let from = 0; from < bytes.length; from += chunk) pieces.push(...scanner.push(bytes.subarray(from, from + chunk)));
  return { head: scanner.end(), pieces };
}

const parsed = (pieces: readonly Piece[]) =>
  pieces.map((piece) => (piece.kind === 'application' ? JSON.parse(piece.bytes.toString()) : piece.kind));

function failure(text: string | Buffer): AnswerError | undefined {
  try {
    scan(Buffer.from(text));
    return undefined;
  } catch (thrown) {
    if (thrown instanceof AnswerError) return thrown;
    throw thrown;
  }
}

const answer = (application: unknown) =>
  Buffer.from(JSON.stringify({ applications: { versions__delta: '7', apps__hashcode: 'UP_2_', application } }));

describe('the scanner of Eureka’s lists', () => {
  test('finds what JSON.parse finds, wherever the bytes are cut', () => {
    const application = fc.record({
      name: fc.string({ unit: 'grapheme' }),
      instance: fc.array(fc.jsonValue(), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(
        fc.array(application, { maxLength: 5 }),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        (applications, chunk, pretty) => {
          const whole = { applications: { versions__delta: '7', apps__hashcode: 'UP_2_', application: applications } };
          const { head, pieces } = scan(Buffer.from(JSON.stringify(whole, null, pretty ? 2 : 0)), chunk);
          expect(parsed(pieces)).toEqual(JSON.parse(JSON.stringify(applications)));
          expect(head).toEqual({ version: 7, hash: 'UP_2_' });
        },
      ),
    );
  });

  test('takes braces and quotes inside of text for text', () => {
    const tricky = [{ name: '}]{"', instance: [{ metadata: { 'a"}': '\\"]}', b: '\\' } }] }];
    expect(parsed(scan(answer(tricky), 3).pieces)).toEqual(tricky);
  });

  test('takes a single application that is no list (what servers make of XML)', () => {
    expect(parsed(scan(answer({ name: 'ORDERS', instance: { id: 1 } })).pieces)).toEqual([
      { name: 'ORDERS', instance: { id: 1 } },
    ]);
  });

  test('is not led astray by other fields, whatever they hold', () => {
    const text =
      '{"x":{"application":[{"name":"no"}]},"applications":{"other":[{"application":[{"a":1}]}],"application":[{"name":"yes"}]}}';
    expect(parsed(scan(Buffer.from(text)).pieces)).toEqual([{ name: 'yes' }]);
  });

  test('reads an empty registry as empty: no applications, hash ""', () => {
    const text = '{"applications":{"versions__delta":"1","apps__hashcode":"","application":[]}}';
    expect(scan(Buffer.from(text))).toEqual({ head: { version: 1, hash: '' }, pieces: [] });
  });

  test('keeps no more of an oversize application than its beginning', () => {
    const { pieces } = scan(
      answer([{ name: 'SMALL' }, { name: 'LARGE', pad: 'x'.repeat(50_000) }, { name: 'LAST' }]),
      1_000,
      10_000,
    );
    expect(pieces.map((piece) => piece.kind)).toEqual(['application', 'oversize', 'application']);
    const large = pieces[1];
    expect(large?.kind === 'oversize' && large.start.length).toBeLessThanOrEqual(4_096);
    expect(large?.kind === 'oversize' && large.start.toString()).toMatch(/^\{"name":"LARGE"/);
  });

  test('says that an answer is truncated, wherever it is', () => {
    const whole = answer([{ name: 'ORDERS', instance: [{ instanceId: 'a' }] }]);
    for (let length = 1; length < whole.length; length += 1) {
      expect(failure(whole.subarray(0, length))?.failure).toMatchObject({
        code: 'answer.invalid',
        what: expect.stringContaining('truncated'),
      });
    }
  });

  test.each([
    ['an HTML login page', '<!DOCTYPE html><html><body>Please sign in</body></html>', 'HTML page'],
    ['XML', '<?xml version="1.0"?><applications/>', 'XML'],
    ['text', 'Service Unavailable', 'does not start like JSON'],
    ['nothing', '', 'truncated'],
    ['JSON without applications', '{"timestamp":"2026","status":200}', 'no "applications"'],
    ['text after the end', '{"applications":{}} x', 'no JSON'],
    ['a brace too many', '{"applications":{}}}', 'no JSON'],
    ['a list of lists', '{"applications":{"application":[[{]}]]}}', 'no JSON'],
  ])('refuses %s', (_, text, what) => {
    expect(failure(text)?.failure).toMatchObject({ code: 'answer.invalid', what: expect.stringContaining(what) });
  });
});

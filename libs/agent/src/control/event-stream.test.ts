import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EventStream, StreamTooLong } from './event-stream.ts';
import type { StreamEvent } from './event-stream.ts';

function read(pieces: readonly Buffer[], longest?: number): readonly StreamEvent[] {
  const events: StreamEvent[] = [];
  const stream = new EventStream(longest);
  for (const piece of pieces) stream.push(piece, (event) => events.push(event));
  return events;
}

describe('a stream of events', () => {
  const text =
    ': alive\n\nid: a.1\nevent: plan\ndata: {"ü":1}\n\n:\nevent:target\r\ndata:one\r\ndata:two\r\n\r\nretry: 5\nnonsense\nid: x\n\n';

  test('is the same in whatever pieces it comes', () => {
    const bytes = Buffer.from(text);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 20 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const pieces = at.slice(1).map((end, piece) => bytes.subarray(at[piece], end));
        expect(read(pieces)).toEqual([
          { event: 'plan', data: '{"ü":1}', id: 'a.1' },
          { event: 'target', data: 'one\ntwo' },
        ]);
      }),
    );
  });

  test('with a line or an event above the limit ends, however small its pieces are', () => {
    const long = `data: ${'x'.repeat(90)}\n`;
    expect(() => read([Buffer.from(long.slice(0, -1))], 50)).toThrow(StreamTooLong);
    expect(() =>
      read(
        Array.from(long, (letter) => Buffer.from(letter)),
        50,
      ),
    ).toThrow(StreamTooLong);
    expect(() => read([Buffer.from(long.repeat(3))], 200)).toThrow(StreamTooLong);
    expect(read([Buffer.from(`${long}\n`.repeat(10))], 100)).toHaveLength(10);
  });

  test('may be nothing but comments for ever', () => {
    expect(
      read(
        Array.from({ length: 1_000 }, () => Buffer.from(': alive\n')),
        50,
      ),
    ).toEqual([]);
  });
});

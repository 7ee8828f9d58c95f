import { expect, test } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { framed } from './framed.ts';
import { MessageReader } from './message-reader.ts';

test('messages are the same however they were put together and however the frames cut them', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.uint8Array({ maxLength: 9_000 }), { minLength: 1, maxLength: 3 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 20_000 }),
      (messages, cut) => {
        const sent = messages.map((parts) => parts.map((part) => Buffer.from(part)));
        const wire = Buffer.concat(sent.flatMap((parts) => framed(parts)));
        const reader = new MessageReader(100_000);
        const read: string[] = [];
        for (let at = 0; at < wire.length; at += cut) {
          reader.push(wire.subarray(at, at + cut));
          for (let one = reader.next(); one !== undefined; one = reader.next()) read.push(one.toString('hex'));
        }
        expect(read).toEqual(sent.map((parts) => Buffer.concat(parts).toString('hex')));
      },
    ),
  );
});

test('a message that many frames cut is joined where the one before was, and no byte of it or of what follows is lost', () => {
  const names = (letter: string) => Buffer.alloc(300_000, letter);
  const wire = Buffer.concat([...framed([names('a')]), ...framed([names('b')]), ...framed([Buffer.alloc(5_000_000, 'c')])]);
  const reader = new MessageReader(8_000_000);
  const sums: string[] = [];
  let first: Buffer | undefined;
  for (let at = 0; at < wire.length; at += 16_384) {
    reader.push(wire.subarray(at, at + 16_384));
    for (let one = reader.next(); one !== undefined; one = reader.next()) {
      first ??= one;
      sums.push(`${one.length} ${[...new Set(one)].map((byte) => String.fromCharCode(byte)).join('')}`);
    }
  }
  expect(sums).toEqual(['300000 a', '300000 b', '5000000 c']);
  expect(first?.equals(names('b'))).toBe(true);
  expect(reader.isInside).toBe(false);
});

test('large parts are sent as they are: no copy for each stream', () => {
  const shared = Buffer.alloc(10_000);
  expect(framed([Buffer.from('head'), shared])[1]).toBe(shared);
  expect(framed([Buffer.from('head'), Buffer.from('small')])).toHaveLength(1);
});

test('a message is refused by its prefix, before it has come', () => {
  const reader = new MessageReader(10);
  reader.push(Buffer.from([0, 0, 0, 0, 11]));
  expect(() => reader.next()).toThrow(expect.objectContaining({ code: status.RESOURCE_EXHAUSTED }));
  const compressed = new MessageReader(10);
  compressed.push(Buffer.from([1, 0, 0, 0, 1]));
  expect(() => compressed.next()).toThrow(expect.objectContaining({ code: status.UNIMPLEMENTED }));
});

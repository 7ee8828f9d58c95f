import { expect, test } from '@jest/globals';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test('bytes are equal by what they hold, wherever they are in a larger array', () => {
  expect({ body: bytes(1, 2, 3).subarray(1) }).toEqual({ body: bytes(2, 3) });
  expect([bytes()]).toStrictEqual([bytes()]);
});

test('bytes that differ do so, and the comparison says where', () => {
  expect(bytes(1, 2)).not.toEqual(bytes(1, 2, 3));
  expect(() => expect({ body: bytes(1, 7, 3) }).toEqual({ body: bytes(1, 9, 3) })).toThrow(/-\s+9,\n.*\+\s+7,/);
});

test('a buffer is no array of bytes where types count', () => {
  expect(Buffer.from([1])).toEqual(bytes(1));
  expect(Buffer.from([1])).not.toStrictEqual(bytes(1));
});

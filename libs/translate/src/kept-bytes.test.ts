import { describe, expect, test } from '@jest/globals';
import { encodeLoadAssignment } from './encode-load-assignment.ts';
import { joinParts } from './fields.ts';
import { keptBytes, roomForKept } from './kept-bytes.ts';
import { WireWriter } from './wire-writer.ts';

const bytesOf = (length: number, value: number) => new Uint8Array(length).fill(value);

describe('bytes that are kept', () => {
  test('are copies that never overlap, whatever their sizes', () => {
    const all = Array.from({ length: 500 }, (_, n) => ({ value: n % 251, size: (n * 37) % 3_000 }));
    const kept = all.map(({ size, value }) => keptBytes(bytesOf(size, value)));
    expect(kept).toEqual(all.map(({ size, value }) => bytesOf(size, value)));
  });

  test('share few ArrayBuffers where they are short, and hold no others back where they are long', () => {
    const buffers = new Set(Array.from({ length: 1_000 }, () => keptBytes(bytesOf(500, 1)).buffer));
    expect(buffers.size).toBeLessThan(100);
    const long = roomForKept(5_000);
    expect(long.buffer.byteLength).toBe(5_000);
  });

  test('are those of what every service has: its endpoints, its cluster and its virtual hosts', () => {
    const writer = new WireWriter();
    const makers = [
      (n: number) => encodeLoadAssignment(`outbound|80||load-${n}`, { localities: [] }),
      (n: number) => joinParts([bytesOf(100, n), bytesOf(200, n)]),
      (n: number) => {
        writer.text(1, `load-${n}`);
        return writer.take();
      },
    ];
    for (const make of makers) {
      const buffers = new Set(Array.from({ length: 100 }, (_, n) => make(n).buffer));
      expect(buffers.size).toBeLessThan(20);
    }
  });

  test('begin as zeros', () => {
    expect(Array.from({ length: 50 }, () => roomForKept(300)).every((room) => room.every((byte) => byte === 0))).toBe(true);
  });
});

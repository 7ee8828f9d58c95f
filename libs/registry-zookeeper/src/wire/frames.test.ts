import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FrameSplitter } from './frames.ts';
import { JuteReader, JuteWriter } from './jute.ts';

describe('frames of ZooKeeper', () => {
  test('come out as they went in, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 10 }),
        (bodies, cuts) => {
          const stream = Buffer.concat(bodies.map((body) => new JuteWriter().bytes(Buffer.from(body)).frame().subarray(4)));
          const splitter = new FrameSplitter();
          const out: Buffer[] = [];
          for (let at = 0, n = 0; at < stream.length; n += 1) {
            const size = cuts[n % cuts.length] as number;
            out.push(...splitter.push(stream.subarray(at, at + size)));
            at += size;
          }
          expect(out.map((frame) => [...frame])).toEqual(bodies.map((body) => [...body]));
        },
      ),
    );
  });

  test('values are read as they were written, and what is missing is an error, never a value', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.nat(),
        (text, long, cut) => {
          const frame = new JuteWriter().text(text).long(long).bool(true).int(1).text(text).frame().subarray(4);
          const whole = new JuteReader(frame);
          expect([whole.text(), whole.long(), whole.bool(), whole.texts(), whole.left]).toEqual([text, long, true, [text], 0]);
          const part = new JuteReader(frame.subarray(0, cut % frame.length));
          expect(() => [part.text(), part.long(), part.bool(), part.texts()]).toThrow('no ZooKeeper message');
        },
      ),
    );
  });

  test.each(['7fffffff', 'fffffffe'])(
    'a list of %s entries in a small frame is an error before memory is taken for it',
    (hex) => {
      expect(() => new JuteReader(Buffer.from(`${hex}00000000`, 'hex')).texts()).toThrow('no ZooKeeper message');
    },
  );
});

import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { takeInTurns } from './take-in-turns.ts';

/** Items of 2 ms each by a clock of its own; `turn` ends the turn of the event loop. */
function scripted(count: number) {
  const stream = Readable.from(Array.from({ length: count }, (_, n) => n));
  const taken: number[] = [];
  const waiting: (() => void)[] = [];
  let time = 0;
  takeInTurns<number>(
    stream,
    (item) => {
      taken.push(item);
      time += 2;
    },
    () => time,
    (run) => waiting.push(run),
  );
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { taken, settled, stream, turn: () => waiting.shift()?.(), waits: () => waiting.length };
}

test('what comes together is taken for 5 ms, the rest in later turns, in order and all of it', async () => {
  const { taken, settled, turn, stream } = scripted(8);
  const ended = new Promise((resolve) => stream.on('end', resolve));
  await settled();
  expect(taken).toEqual([0, 1, 2]);
  await settled();
  expect(taken).toHaveLength(3);
  turn();
  await settled();
  expect(taken).toEqual([0, 1, 2, 3, 4, 5]);
  turn();
  await ended;
  expect(taken).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test('a lone item costs one turn that does nothing, and is not paused for', async () => {
  const { taken, settled, turn, waits, stream } = scripted(1);
  await settled();
  expect(taken).toEqual([0]);
  expect(waits()).toBe(1);
  expect(stream.isPaused()).toBe(false);
  turn();
  expect(waits()).toBe(0);
});

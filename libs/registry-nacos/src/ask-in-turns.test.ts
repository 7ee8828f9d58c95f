import { expect, test } from '@jest/globals';
import { AskInTurns } from './ask-in-turns.ts';

/** `turn` ends the turn of the event loop. */
function scripted() {
  const turns: (() => void)[] = [];
  const asks = new AskInTurns(() => new Promise<void>((resolve) => void turns.push(resolve)));
  const gone: number[] = [];
  const ask = async (n: number): Promise<void> => {
    await asks.room();
    gone.push(n);
  };
  const turn = async (): Promise<void> => {
    turns.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { ask, turn, gone, waits: () => turns.length };
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

test('a lone request goes at once, and costs one turn that does nothing', async () => {
  const { ask, turn, gone, waits } = scripted();
  await ask(0);
  expect(gone).toEqual([0]);
  expect(waits()).toBe(1);
  await turn();
  expect(waits()).toBe(0);
});

test('of many eight go in one turn, the others in later ones, in order and all of them', async () => {
  const { ask, turn, gone } = scripted();
  const all = Promise.all(numbers(20).map(ask));
  await Promise.resolve();
  await Promise.resolve();
  expect(gone).toEqual(numbers(8));
  await turn();
  expect(gone).toEqual(numbers(16));
  await turn();
  await all;
  expect(gone).toEqual(numbers(20));
});

test('what is asked for later waits behind what waits, and goes at once when nothing does', async () => {
  const { ask, turn, gone, waits } = scripted();
  const first = numbers(9).map(ask);
  await turn();
  const later = [9, 10].map(ask);
  await turn();
  await Promise.all([...first, ...later]);
  expect(gone).toEqual(numbers(11));
  while (waits() > 0) await turn();
  await ask(11);
  expect(gone).toEqual(numbers(12));
});

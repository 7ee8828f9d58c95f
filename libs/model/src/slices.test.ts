import { expect, test } from '@jest/globals';
import { runInSlices } from './slices.ts';

/** Steps of a millisecond each, which note when each turn of the loop has run some. */
function* steps(name: string, count: number, ran: string[]): Generator<void, string> {
  for (let n = 0; n < count; n += 1) {
    const end = performance.now() + 1;
    while (performance.now() < end);
    ran.push(name);
    yield;
  }
  return name;
}

/** Names of what ran, a list for each turn of the event loop. */
async function byTurn(work: (ran: string[]) => Promise<unknown>): Promise<readonly (readonly string[])[]> {
  const turns: string[][] = [];
  let ran: string[] = [];
  let isOver = false;
  const note = (): void => {
    if (ran.length > 0) turns.push(ran.splice(0));
    if (!isOver) setImmediate(note);
  };
  note();
  await new Promise((resolve) => setImmediate(resolve));
  await work(ran);
  isOver = true;
  if (ran.length > 0) turns.push(ran);
  return turns;
}

test('what is long leaves the loop its turn, and gives what it returns', async () => {
  let result: string | undefined;
  const turns = await byTurn(async (ran) => (result = await runInSlices(steps('a', 12, ran))));
  expect(result).toBe('a');
  expect(turns.length).toBeGreaterThanOrEqual(3);
  expect(turns.flat()).toHaveLength(12);
});

test('slices that follow one another in a turn share its time', async () => {
  const turns = await byTurn(async (ran) => {
    for (const name of ['a', 'b', 'c', 'd']) await runInSlices(steps(name, 4, ran));
  });
  expect(turns.flat().join('')).toBe('aaaabbbbccccdddd');
  // A step that is begun is ended, and each of them may have two beyond the five.
  for (const turn of turns) expect(turn.length).toBeLessThanOrEqual(9);
});

test('whoever meets others in a turn goes on as they do', async () => {
  const turns = await byTurn((ran) => Promise.all(['a', 'b', 'c'].map((name) => runInSlices(steps(name, 8, ran)))));
  const firstTurns = turns.slice(0, 3).flat();
  for (const name of ['a', 'b', 'c']) expect(firstTurns).toContain(name);
});

test('what is to be done after each slice is, in a turn of its own, and once at the end', async () => {
  let slices = 0;
  await byTurn((ran) => runInSlices(steps('a', 12, ran), () => void (slices += 1)));
  expect(slices).toBeGreaterThanOrEqual(3);
});

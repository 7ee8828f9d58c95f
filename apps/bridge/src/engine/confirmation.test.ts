import { expect, jest, test } from '@jest/globals';
import { Confirmation } from './confirmation.ts';

const notOfTimer = (error: unknown): void => {
  throw error;
};

test('a look that fails is heard of by whoever asked for it, and stops no other, no change of the config, and no end', async () => {
  const did: string[] = [];
  let fails = true;
  const confirmation = new Confirmation(async () => {
    did.push('look');
    if (fails) throw new Error('a test');
  }, notOfTimer);
  const first = confirmation.now();
  const change = confirmation.between(async () => void did.push('change'));
  await expect(first).rejects.toThrow('a test');
  await change;
  fails = false;
  await confirmation.now();
  await confirmation.close();
  expect(did).toEqual(['look', 'change', 'look']);
});

test('a change that fails stops no look', async () => {
  let looks = 0;
  const confirmation = new Confirmation(async () => void (looks += 1), notOfTimer);
  const change = confirmation.between(() => Promise.reject(new Error('a test')));
  const look = confirmation.now();
  await expect(change).rejects.toThrow('a test');
  await look;
  await confirmation.close();
  await confirmation.now();
  expect(looks).toBe(1); // nobody looks after the end
});

test('a look of the timer that fails ends no process: it is told, and there is another one', async () => {
  jest.useFakeTimers();
  try {
    const told: string[] = [];
    let looks = 0;
    const confirmation = new Confirmation(
      async () => {
        looks += 1;
        if (looks === 1) throw new Error('a test');
      },
      (error) => void told.push((error as Error).message),
    );
    confirmation.wanted();
    await jest.advanceTimersByTimeAsync(1_000);
    expect([looks, told]).toEqual([1, ['a test']]);
    await jest.advanceTimersByTimeAsync(1_000);
    expect([looks, told]).toEqual([2, ['a test']]);
    await confirmation.close();
  } finally {
    jest.useRealTimers();
  }
});

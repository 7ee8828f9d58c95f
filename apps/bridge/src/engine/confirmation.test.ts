import { expect, test } from '@jest/globals';
import { Confirmation } from './confirmation.ts';

test('a look that fails is heard of by whoever asked for it, and stops no other, no change of the config, and no end', async () => {
  const did: string[] = [];
  let fails = true;
  const confirmation = new Confirmation(async () => {
    did.push('look');
    if (fails) throw new Error('a test');
  });
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
  const confirmation = new Confirmation(async () => void (looks += 1));
  const change = confirmation.between(() => Promise.reject(new Error('a test')));
  const look = confirmation.now();
  await expect(change).rejects.toThrow('a test');
  await look;
  await confirmation.close();
  await confirmation.now();
  expect(looks).toBe(1); // nobody looks after the end
});

import { expect, test } from '@jest/globals';
import { NacosRefusal } from './errors.ts';
import { whenFree } from './when-free.ts';

const refusal = (said: string) => new NacosRefusal('registry.protocol', 400, `Nacos refused ConfigQueryRequest: 400 ${said}`, {});
const BUSY = 'requested file is being modified, please try later.';
const { signal } = new AbortController();

test('a config that is being written is asked for again, and what then comes is the answer', async () => {
  let asked = 0;
  const send = async () => {
    asked += 1;
    if (asked < 3) throw refusal(BUSY);
    return 'content';
  };
  expect([await whenFree(send, signal), asked]).toEqual(['content', 3]);
});

test('any other refusal, and one that does not end, is what it was', async () => {
  let asked = 0;
  const send = (said: string) => async () => {
    asked += 1;
    throw refusal(said);
  };
  await expect(whenFree(send('illegal'), signal)).rejects.toThrow('illegal');
  expect(asked).toBe(1);
  await expect(whenFree(send(BUSY), signal)).rejects.toThrow('being modified');
  expect(asked).toBe(6);
});

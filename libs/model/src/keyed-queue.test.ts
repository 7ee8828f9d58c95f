import { expect, test } from '@jest/globals';
import { KeyedQueue } from './keyed-queue.ts';

async function take(queue: KeyedQueue<string>, count: number): Promise<readonly string[]> {
  const abort = new AbortController();
  const taken: string[] = [];
  for await (const entry of queue.read(abort.signal)) {
    taken.push(entry);
    if (taken.length === count) abort.abort();
  }
  return taken;
}

test('a reader that is slow costs one waiting entry for each key: the newest', async () => {
  const queue = new KeyedQueue<string>();
  for (let n = 0; n < 1_000; n += 1) queue.push(`a ${n}`, 'a');
  queue.push('b 1', 'b');
  queue.push('a 1000', 'a');
  expect(queue.size).toBe(2);
  expect(await take(queue, 2)).toEqual(['a 1000', 'b 1']);
});

test('nothing moves across an entry without a key', async () => {
  const queue = new KeyedQueue<string>();
  queue.push('a 1', 'a');
  queue.push('stale');
  queue.push('a 2', 'a');
  expect(await take(queue, 3)).toEqual(['a 1', 'stale', 'a 2']);
});

test('an entry takes the place of the last one when that is out of date with it, and of no other', async () => {
  const queue = new KeyedQueue<string>();
  const isStatus = (entry: string) => entry.startsWith('status');
  queue.pushOver('status 1', isStatus);
  queue.pushOver('status 2', isStatus);
  queue.push('a', 'a');
  queue.pushOver('status 3', isStatus);
  expect(await take(queue, 3)).toEqual(['status 2', 'a', 'status 3']);
});

test('what waits can be dropped as a whole, and keys start anew then', async () => {
  const queue = new KeyedQueue<string>();
  queue.push('a 1', 'a');
  queue.clear();
  queue.push('b', 'b');
  queue.push('a 2', 'a');
  expect(await take(queue, 2)).toEqual(['b', 'a 2']);
});

test('aborting ends the reading, also while it waits', async () => {
  const queue = new KeyedQueue<string>();
  const abort = new AbortController();
  const reading = queue.read(abort.signal).next();
  abort.abort();
  expect((await reading).done).toBe(true);
});

test('an entry that is no news is left out when it is its turn, and is told whether it stands for others', async () => {
  const asked: string[] = [];
  const queue = new KeyedQueue<string>((entry, hasReplaced) => {
    asked.push(`${entry} ${hasReplaced}`);
    return entry !== 'a 2';
  });
  queue.push('a 1', 'a');
  queue.push('a 2', 'a');
  queue.push('b 1', 'b');
  expect(await take(queue, 1)).toEqual(['b 1']);
  expect(asked).toEqual(['a 2 true', 'b 1 false']);
});

import { describe, expect, test } from '@jest/globals';
import { LeaseQueue } from './lease-queue.ts';

describe('the queue of leases', () => {
  const keys = (queue: LeaseQueue<string>, now: number, most = 10) => queue.due(now, most).map(({ key }) => key);

  test('gives what is due, in the order of its being due, and keeps it until it is put anew', () => {
    const queue = new LeaseQueue<string>();
    queue.put('a', 'a', 100, 0);
    queue.put('b', 'b', 100, 50);
    expect(keys(queue, 99)).toEqual([]);
    expect(keys(queue, 100)).toEqual(['a']);
    expect(keys(queue, 150)).toEqual(['a', 'b']);
    queue.put('a', 'a', 100, 150);
    expect(keys(queue, 150)).toEqual(['b']);
    expect(queue.nextDue()).toBe(150);
  });

  test('what is urgent is due at once, whatever waits with a longer period', () => {
    const queue = new LeaseQueue<string>();
    queue.put('slow', 'slow', 1_000, 0);
    queue.put('a', 'a', 100, 0);
    queue.put('a', 'a', 0, 10);
    expect(queue.nextDue()).toBe(10);
    expect(keys(queue, 10)).toEqual(['a']);
    expect(queue.size).toBe(2);
  });

  test('gives no more than asked for, and nothing that was deleted', () => {
    const queue = new LeaseQueue<string>();
    for (const key of ['a', 'b', 'c']) queue.put(key, key, 10, 0);
    queue.delete('b');
    queue.delete('unknown');
    expect(keys(queue, 10, 1)).toEqual(['a']);
    expect(keys(queue, 10)).toEqual(['a', 'c']);
    queue.delete('a');
    queue.delete('c');
    expect(queue.nextDue()).toBe(Number.POSITIVE_INFINITY);
  });
});

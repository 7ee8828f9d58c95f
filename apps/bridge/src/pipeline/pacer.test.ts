import { describe, expect, test } from '@jest/globals';
import { Pacer } from './pacer.ts';

describe('the pacer', () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  test('starts a lone flush in the next turn of the loop, without a quiet time', async () => {
    let flushes = 0;
    new Pacer().request(async () => void (flushes += 1));
    expect(flushes).toBe(0);
    await turn();
    await turn();
    expect(flushes).toBe(1);
  });

  test('requests before a flush starts are one flush; requests during it are one more', async () => {
    const pacer = new Pacer(() => 0);
    let flushes = 0;
    let release = (): void => undefined;
    const flush = async () => {
      flushes += 1;
      if (flushes === 1) await new Promise<void>((resolve) => (release = resolve));
    };
    for (let n = 0; n < 5; n += 1) pacer.request(flush);
    while (flushes === 0) await turn();
    for (let n = 0; n < 5; n += 1) pacer.request(flush);
    release();
    while (pacer.busy) await turn();
    expect(flushes).toBe(2);
  });

  test('a flush that took long is followed by a pause of the same length, at most 20 ms', async () => {
    let time = 0;
    const waits: { readonly ms: number; readonly run: () => void }[] = [];
    const pacer = new Pacer(
      () => time,
      (ms, run) => waits.push({ ms, run }),
    );
    let flushes = 0;
    let cost = 7;
    const flush = async () => {
      flushes += 1;
      time += cost;
    };
    pacer.request(flush);
    while (flushes === 0 || pacer.busy) await turn();
    pacer.request(flush);
    expect(waits.map((w) => w.ms)).toEqual([7]);
    cost = 10_000;
    waits[0]?.run();
    while (flushes < 2 || pacer.busy) await turn();
    pacer.request(flush);
    expect(waits.map((w) => w.ms)).toEqual([7, 20]);
    expect(flushes).toBe(2);
  });

  test('a flush that fails does not end the line', async () => {
    const pacer = new Pacer();
    const failures: unknown[] = [];
    pacer.onError = (error) => failures.push(error);
    pacer.request(async () => {
      throw new Error('a bug');
    });
    while (pacer.busy) await turn();
    let flushed = false;
    pacer.request(async () => void (flushed = true));
    while (pacer.busy) await turn();
    expect(flushed).toBe(true);
    expect(failures).toHaveLength(1);
  });
});

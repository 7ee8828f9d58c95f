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
    const pacer = new Pacer(
      () => 0,
      undefined,
      () => 0,
    );
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
      () => 0,
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
    time += 7;
    waits[0]?.run();
    while (flushes < 2 || pacer.busy) await turn();
    pacer.request(flush);
    expect(waits.map((w) => w.ms)).toEqual([7, 20]);
    expect(flushes).toBe(2);
  });

  test('when the streams answer a flush, the next one waits until the loop has rested for as long as it has worked', async () => {
    let time = 0;
    let worked = 0;
    const waits: { readonly ms: number; readonly run: () => void }[] = [];
    const pacer = new Pacer(
      () => time,
      (ms, run) => waits.push({ ms, run }),
      () => worked,
    );
    const work = (ms: number): void => {
      time += ms;
      worked += ms;
    };
    let flushes = 0;
    const flush = async () => {
      flushes += 1;
      work(3);
    };
    pacer.request(flush);
    while (flushes === 0 || pacer.busy) await turn();
    pacer.request(flush);
    expect(waits.map(({ ms }) => ms)).toEqual([3]);
    work(3); // answers
    waits[0]?.run();
    expect(waits.map(({ ms }) => ms)).toEqual([3, 6]);
    time += 6;
    waits[1]?.run();
    while (flushes < 2 || pacer.busy) await turn();
    pacer.request(flush);
    work(100);
    waits[2]?.run(); // after 20 ms it goes on, whatever the loop has to do
    while (flushes < 3 || pacer.busy) await turn();
    expect(waits).toHaveLength(3);
  });

  test('answers that are little work put nothing off', async () => {
    let time = 0;
    const waits: number[] = [];
    let worked = 0;
    const pacer = new Pacer(
      () => time,
      (ms) => waits.push(ms),
      () => worked,
    );
    let flushes = 0;
    const flush = async () => {
      flushes += 1;
      time += 0.25;
    };
    pacer.request(flush);
    while (flushes === 0 || pacer.busy) await turn();
    time += 0.5;
    worked += 1;
    pacer.request(flush);
    while (flushes < 2 || pacer.busy) await turn();
    expect(waits).toEqual([]);
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

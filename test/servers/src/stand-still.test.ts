import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { standsStill, standStill } from './stand-still.ts';

/** More threads than CPUs, which count as fast as they can. */
const COUNTERS = `
  const { Worker } = require('node:worker_threads');
  const counts = new Int32Array(new SharedArrayBuffer(32));
  const count = 'const { workerData: { counts, at } } = require("node:worker_threads"); for (;;) Atomics.add(counts, at, 1)';
  for (let at = 0; at < 8; at += 1) new Worker(count, { eval: true, workerData: { counts, at } });
  setInterval(() => counts.every((count) => count !== 0) && process.stdout.write('all count\\n'), 5);`;

test('who is told to stop stands still with all threads', async () => {
  const child = spawn(process.execPath, ['-e', COUNTERS], { stdio: ['ignore', 'pipe', 'inherit'] });
  const { pid = 0 } = child;
  try {
    await once(child.stdout, 'data');
    expect(() => standStill(pid, 20)).toThrow(`process ${pid} did not stand still within 20 ms`);
    child.kill('SIGSTOP');
    standStill(pid);
    expect(standsStill(pid)).toBe(true);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  expect(standsStill(pid)).toBe(true);
});

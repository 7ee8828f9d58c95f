import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { identify, isAlive, startTicksOf } from './process-identity.ts';

test('this process is alive, and one with its pid and another start is not this one', async () => {
  const own = await identify(process.pid);
  expect(own).toBeDefined();
  if (own === undefined) return;
  expect(await isAlive(own)).toBe(true);
  expect(await isAlive({ pid: own.pid, startTicks: 1 })).toBe(false);
});

test('a process that ended is not alive', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()']);
  await once(child, 'spawn');
  const identity = await identify(child.pid as number);
  child.kill();
  await once(child, 'exit');
  expect(identity).toBeDefined();
  expect(identity === undefined || (await isAlive(identity))).toBe(false);
});

test('a name with spaces and brackets does not move the fields', () => {
  const fields = Array.from({ length: 50 }, (_, i) => String(i + 3)); // field 3 is "3", …
  expect(startTicksOf(`42 (a) b) (c) ${fields.join(' ')}`)).toBe(22);
});

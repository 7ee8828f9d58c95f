import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { NICENESS_BESIDE, yieldCpus } from './cpu-share.ts';

test('a registry’s session yields the CPUs, and ours does not', async () => {
  const own = '/proc/self/autogroup';
  const before = existsSync(own) ? readFileSync(own, 'utf8') : '';
  const child = spawn('cat', { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = once(child, 'exit');
  await once(child, 'spawn');
  expect(yieldCpus(child.pid ?? 0)).toBe(before === '' ? undefined : NICENESS_BESIDE);
  if (before !== '') expect(readFileSync(own, 'utf8')).toBe(before);
  child.stdin?.end();
  await ended;
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { NICENESS_BESIDE, yieldCpus } from './cpu-share.ts';

/** Empty where Linux does not share its CPUs out by session, and for a process of the first session, which has no group of its own. */
const groupOf = (pid: number | 'self'): string => {
  const file = `/proc/${pid}/autogroup`;
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};

test('the sessions of registries yield the CPUs, one right after another, and ours does not', async () => {
  const own = groupOf('self');
  for (let count = 0; count < 3; count += 1) {
    const child = spawn('cat', { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = once(child, 'exit');
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    try {
      expect(yieldCpus(pid)).toBe(groupOf(pid) === '' ? undefined : NICENESS_BESIDE);
      expect(groupOf('self')).toBe(own);
    } finally {
      child.stdin?.end();
      await ended;
    }
  }
});

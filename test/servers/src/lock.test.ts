import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { processExists, withLock } from './lock.ts';

let dir: string;
let path: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-lock-'));
  path = join(dir, 'a.lock');
});

afterEach(() => rm(dir, { recursive: true, force: true }));

const aDeadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid;
const leaveLock = (owner: unknown): Promise<void> => writeFile(path, JSON.stringify(owner));

test('only one at a time is inside', async () => {
  let inside = 0;
  let most = 0;
  const enter = async (): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await readdir(dir);
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 12 }, () => withLock(path, enter, { pollMs: 1 })));
  expect(most).toBe(1);
  expect(await readdir(dir)).toEqual([]);
});

test('whoever waits is told for whom', async () => {
  const waitedFor: number[] = [];
  let second: Promise<void> | undefined;
  await withLock(path, async () => {
    let waiting: () => void = () => undefined;
    const told = new Promise<void>((resolve) => (waiting = resolve));
    second = withLock(path, async () => undefined, {
      pollMs: 1,
      onWait: (pid) => {
        waitedFor.push(pid);
        waiting();
      },
    });
    await told;
  });
  await second;
  expect(waitedFor).toEqual([process.pid]);
});

test('the lock of a process that died is taken over, by one of many', async () => {
  await leaveLock({ pid: aDeadPid(), started: '1', id: 'gone' });
  let inside = 0;
  let most = 0;
  const enter = async (): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await readdir(dir);
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 8 }, () => withLock(path, enter, { pollMs: 1 })));
  expect(most).toBe(1);
});

test('a pid that another process has got since does not hold the lock', async () => {
  await leaveLock({ pid: process.pid, started: 'long ago', id: 'gone' });
  await expect(withLock(path, async () => 'in')).resolves.toBe('in');
});

test('a lock file with anything else in it holds nobody up', async () => {
  await writeFile(path, '{"pid":');
  await expect(withLock(path, async () => 'in')).resolves.toBe('in');
});

test('the lock is released when the work fails, and waiting can be aborted', async () => {
  await expect(withLock(path, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  const gaveUp = new AbortController();
  await withLock(path, async () => {
    const waiting = withLock(path, async () => undefined, {
      signal: gaveUp.signal,
      onWait: () => gaveUp.abort(new Error('enough')),
    });
    await expect(waiting).rejects.toThrow();
  });
  expect(await readdir(dir)).toEqual([]);
});

test('a process is known to exist or not', () => {
  expect(processExists(process.pid)).toBe(true);
  expect(processExists(aDeadPid())).toBe(false);
});

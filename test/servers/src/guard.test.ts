import { spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from '@isthmus/model/testing';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawnGuarded } from './guard.ts';
import { processExists } from './lock.ts';

let dir: string;

beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'isthmus-guard-'))));
afterEach(() => rm(dir, { recursive: true, force: true }));

const start = (...command: string[]) =>
  spawnGuarded(command, { cwd: dir, output: openSync(join(dir, 'log'), 'a'), removeWhenOrphaned: dir });

/** A process that starts a guarded one, by a command before it. */
async function startParent(...command: [string, ...string[]]) {
  const script = fileURLToPath(new URL('./testing/guarded-parent.ts', import.meta.url));
  const parent = spawn(command[0], [...command.slice(1), script, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface(parent.stdout)) return { parent, child: Number(line) };
  throw new Error(`${command.join(' ')} has started nothing`);
}

/** @param none what it is where a kernel has no groups of sessions (no such file, or nothing in it), and a process's own priority is all there is */
async function nicenessOfSession(pid: number, none: number): Promise<number> {
  const said = await readFile(`/proc/${pid}/autogroup`, 'utf8').catch(() => '');
  return Number(/ nice (-?\d+)\n$/.exec(said)?.[1] ?? none);
}

test('a child whose parent is killed by SIGKILL is killed too, and its directory goes', async () => {
  await writeFile(join(dir, 'data'), 'x');
  const { parent, child } = await startParent(process.execPath);
  expect(processExists(child)).toBe(true);
  parent.kill('SIGKILL');
  await until('the child is gone', () => !processExists(child));
  await until('its directory is gone', () => !existsSync(dir));
});

test('what a process of low priority starts yields to other sessions too', async () => {
  const { parent, child } = await startParent('nice', '-n', '7', process.execPath);
  try {
    const niceness = Math.min(getPriority() + 7, 19);
    expect(getPriority(child)).toBe(niceness);
    expect(await nicenessOfSession(child, niceness)).toBe(niceness);
  } finally {
    parent.kill('SIGKILL');
    await until('the child is gone', () => !processExists(child));
  }
});

test('what a test starts yields to the tests, as a session: its own priority is theirs', async () => {
  expect(process.env['ISTHMUS_NICENESS_OF_SERVERS']).toMatch(/^\d+$/);
  const child = await start('sleep', '600');
  try {
    expect(getPriority(child.pid)).toBe(getPriority());
    const niceness = Math.max(getPriority(), Number(process.env['ISTHMUS_NICENESS_OF_SERVERS']));
    expect(await nicenessOfSession(child.pid, niceness)).toBe(niceness);
  } finally {
    await child.killGroup();
  }
});

test('a child that ends by itself says with which code, and leaves its directory', async () => {
  const child = await start('sh', '-c', 'echo said; exit 3');
  expect(await child.exited).toEqual({ code: 3 });
  expect(child.signal('SIGTERM')).toBe(false);
  expect(await readFile(join(dir, 'log'), 'utf8')).toBe('said\n');
});

test('a command that does not exist ends with 127', async () => {
  expect(await (await start('/no/such/program')).exited).toEqual({ code: 127 });
});

test('killing the group takes what the child has started along, paused or not', async () => {
  const child = await start('sh', '-c', 'sleep 600 & echo $!; wait');
  let grandchild = 0;
  await until('it has started one', async () => (grandchild = Number(await readFile(join(dir, 'log'), 'utf8'))) > 0);
  child.signal('SIGSTOP');
  await child.killGroup();
  await until('both are gone', () => !processExists(child.pid) && !processExists(grandchild));
  expect(existsSync(dir)).toBe(true);
});

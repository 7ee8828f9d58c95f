import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

/** `npm test` builds it before it comes here; alone: `npm run build`. */
const lab = join(import.meta.dirname, '../../dist/apps/lab/apps/lab/src/main.js');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
}

function start(args: readonly string[]): Running {
  const child = spawn(process.execPath, [lab, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }));
  return { pid: child.pid as number, ended };
}

interface Status {
  readonly running: boolean;
  readonly web: string;
  readonly parts: readonly { readonly name: string; readonly state: string; readonly process?: { readonly pid: number } }[];
}

async function status(dir: string): Promise<Status | undefined> {
  const { stdout } = await start(['status', '--dir', dir, '-o', 'json']).ended;
  return stdout === '' ? undefined : (JSON.parse(stdout) as Status);
}

async function until<T>(what: string, ms: number, condition: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`not within ${ms / 1000} s: ${what}`);
    await delay(500);
  }
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('the lab', () => {
  let dir: string;
  const labs: Running[] = [];

  beforeEach(async () => {
    expect(existsSync(lab)).toBe(true);
    dir = await mkdtemp(join(tmpdir(), 'isthmus-lab-'));
  });

  afterEach(async () => {
    for (const { pid, ended } of labs.splice(0)) {
      if (exists(pid)) process.kill(pid, 'SIGKILL');
      await ended;
    }
    await rm(dir, { recursive: true, force: true });
  });

  const up = (...args: string[]): Running => {
    const running = start(['up', '--dir', dir, ...args]);
    labs.push(running);
    return running;
  };

  test('checks itself: legacy services reach one another by SDK and by an Envoy that knows only what registries said', async () => {
    const { code, stdout, stderr } = await up('--ci', '--free-ports').ended;
    const lines = stdout.trim().split('\n');
    expect({ code, failed: lines.filter((line) => !line.startsWith('✔ ')), log: code === 0 ? '' : stderr }).toEqual({
      code: 0,
      failed: [],
      log: '',
    });
    expect(lines.length).toBeGreaterThanOrEqual(6);
  }, 300_000);

  test('is seen and stopped from elsewhere, and leaves nothing', async () => {
    const running = up('--free-ports', '--no-consul');
    const seen = await until('every part is up', 200_000, async () => {
      if (!exists(running.pid)) throw new Error(`the lab ended:\n${(await running.ended).stderr}`);
      const now = await status(dir);
      return now?.running === true && now.parts.every(({ state }) => state === 'up') ? now : undefined;
    });
    const answer = (await (await fetch(`${seen.web}/checkout`)).json()) as Record<string, unknown>;
    expect(Object.keys(answer)).toEqual(expect.arrayContaining(['sdk', 'mesh']));
    expect((await start(['up', '--dir', dir, '--free-ports']).ended).stderr).toContain(`a lab already runs (pid ${running.pid}`);

    expect((await start(['down', '--dir', dir]).ended).code).toBe(0);
    expect((await running.ended).code).toBe(0);
    const pids = seen.parts.flatMap((part) => part.process?.pid ?? []);
    expect(pids.length).toBeGreaterThan(8);
    expect(pids.filter(exists)).toEqual([]);
    expect((await status(dir))?.running).toBe(false);
  }, 300_000);

  test('names the port that is taken and who has it, before anything is started', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const { code, stderr } = await up('--port-offset', String(port - 18_080)).ended;
    holder.close();
    expect(code).toBe(1);
    expect(stderr).toContain(`port ${port} (web) taken by`);
    expect(stderr).toContain(`(pid ${process.pid})`);
  }, 60_000);

  test('wrong usage is exit code 2, with the usage', async () => {
    const { code, stderr } = await start(['sideways']).ended;
    expect(code).toBe(2);
    expect(stderr).toContain('isthmus lab up');
  });
});

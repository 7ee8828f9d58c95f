import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isReached, labPaths, walk } from '../../apps/lab/src/hop.ts';
import type { CheckoutAnswer } from '../../apps/lab/src/hop.ts';
import { readState, type LabState } from '../../apps/lab/src/state-file.ts';
import { cacheKey, cacheRoot } from '../servers/src/cache.ts';
import { withLock } from '../servers/src/lock.ts';
import { writeProgress } from '../servers/src/progress.ts';
import { servers, type ServerName } from '../servers/src/versions.ts';

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

function start(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Running {
  const child = spawn(process.execPath, [lab, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }));
  return { pid: child.pid as number, ended };
}

interface Status {
  readonly running: boolean;
  readonly web: string;
  readonly console: string;
  readonly parts: readonly { readonly name: string; readonly state: string; readonly process?: { readonly pid: number } }[];
}

async function status(dir: string): Promise<Status | undefined> {
  const { stdout } = await start(['status', '--dir', dir, '-o', 'json']).ended;
  return stdout === '' ? undefined : (JSON.parse(stdout) as Status);
}

/**
 * `lab status` says so too, asked once the file from which it answers does: asked in a loop it was a process of 0.24 s of CPU for each
 * look, 100 in all, while the parts that are waited for want the CPU.
 */
async function statusOnce(dir: string, isSo: (state: LabState | Status) => boolean): Promise<Status | undefined> {
  const written = await readState(dir);
  if (written === undefined || !isSo(written)) return undefined;
  const told = await status(dir);
  return told?.running === true && isSo(told) ? told : undefined;
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
    const { code, stdout, stderr } = await up('--ci', '--free-ports', '--with', 'istiod,nacos3').ended;
    const lines = stdout.trim().split('\n');
    expect({ code, failed: lines.filter((line) => !line.startsWith('✔ ')), log: code === 0 ? '' : stderr }).toEqual({
      code: 0,
      failed: [],
      log: '',
    });
    expect(lines.length).toBeGreaterThanOrEqual(8);
    expect(stdout).toMatch(/✔ reviews, in Nacos 3[^]*✔ istiod, fed by the bridge/);
  }, 300_000);

  const isUp = async (running: Running): Promise<Status | undefined> => {
    if (!exists(running.pid)) throw new Error(`the lab ended:\n${(await running.ended).stderr}`);
    return statusOnce(dir, ({ parts }) => parts.every(({ state }) => state === 'up'));
  };

  test('a registry that is killed, and then the bridge beside it, cost no call, by SDK or by Envoy, as the README says', async () => {
    const running = up('--free-ports', '--no-consul');
    const before = await until('every part is up', 200_000, () => isUp(running));
    const failed: string[] = [];
    let calls = 0;
    const call = async (): Promise<void> => {
      const answer = (await (await fetch(`${before.web}/checkout`)).json()) as CheckoutAnswer;
      calls += 1;
      for (const path of labPaths) {
        const hops = answer[path] === undefined ? [] : [...walk(answer[path])];
        const bad = hops.flatMap((hop) => (isReached(hop) || hop.pending ? [] : [`${hop.service}: ${hop.unavailable}`]));
        if (hops[0] === undefined || !isReached(hops[0])) bad.push('orders was not reached');
        failed.push(...bad.map((what) => `call ${calls} by ${path}: ${what}`));
      }
    };
    const states = async (): Promise<string> => {
      const answer = await fetch(`${before.console}/api/v1/sources`)
        .then((response) => response.json() as Promise<{ items?: readonly { source: string; state: string }[] }>)
        .catch(() => ({ items: [] })); // it is gone
      const { items = [] } = answer;
      return items
        .map(({ source, state }) => `${source} ${state}`)
        .sort()
        .join();
    };
    await until('every call goes well', 60_000, async () => {
      const known = failed.length;
      await call();
      return failed.length === known && (await states()) === 'old live,shop live' ? true : undefined;
    });
    failed.length = 0;
    const kill = (name: string): void => {
      const pid = before.parts.find((part) => part.name === name)?.process?.pid;
      if (pid === undefined) throw new Error(`${name} does not run`);
      process.kill(pid, 'SIGKILL');
    };
    const callUntil = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
      await until(what, 120_000, async () => {
        for (let n = 0; n < 10; n += 1) await call();
        return (await condition()) ? true : undefined;
      });
    };
    kill('nacos');
    await callUntil('the bridge says that Nacos is gone', async () => (await states()) === 'old live,shop stale');
    kill('bridge');
    await callUntil('the bridge is gone', async () => (await states()) === '');
    await callUntil('both are back', async () => (await states()) === 'old live,shop live');
    expect({ failed, enough: calls > 50 }).toEqual({ failed: [], enough: true });
  }, 400_000);

  test('goes without Consul until it is built, and Consul joins then; it is seen and stopped from elsewhere, and leaves nothing', async () => {
    const cache = join(dir, 'cache', 'isthmus');
    await mkdir(cache, { recursive: true });
    const keyOf = (name: ServerName): Promise<string> => cacheKey(name, servers[name].version);
    const hand = async (name: ServerName): Promise<void> => {
      const key = await keyOf(name);
      await symlink(join(cacheRoot(), key), join(cache, key));
    };
    for (const name of ['envoy', 'nacos2', 'eureka'] as const) await hand(name);
    const env = { ...process.env, XDG_CACHE_HOME: join(dir, 'cache') };
    const running = start(['up', '--dir', dir, '--free-ports'], env);
    labs.push(running);
    const inventory = async (web: string): Promise<readonly string[]> => {
      const answer = (await (await fetch(`${web}/checkout`)).json()) as CheckoutAnswer;
      return labPaths.map((path) => {
        const hops = answer[path] === undefined ? [] : [...walk(answer[path])];
        const of = (service: string) => hops.find((hop) => hop.service === service);
        const orders = of('orders');
        if (orders === undefined || !isReached(orders)) return 'no orders';
        const hop = of('inventory');
        return hop === undefined ? 'none' : isReached(hop) ? 'reached' : hop.pending ? 'pending' : hop.unavailable;
      });
    };
    // Whoever has the lock builds it, here for as long as we like, and says so; what it ends with is the build of this machine.
    const web = await withLock(join(cache, `${await keyOf('consul')}.lock`), async () => {
      await writeProgress(cache, { server: 'consul', version: servers.consul.version, phase: 'building', elapsedMs: 60_000 });
      const seenWeb = await until('the others are up and Consul is waited for', 200_000, async () => {
        if (!exists(running.pid)) throw new Error(`the lab ended:\n${(await running.ended).stderr}`);
        const now = await statusOnce(dir, ({ parts }) => {
          const stateOf = (name: string) => parts.find((part) => part.name === name)?.state ?? '';
          const waits = stateOf('consul').startsWith('building');
          return waits && ['web-1', 'orders-1', 'payments-1'].every((name) => stateOf(name) === 'up');
        });
        return now?.web;
      });
      await until('calls go well, without inventory', 60_000, async () =>
        (await inventory(seenWeb)).join() === 'pending,pending' ? true : undefined,
      );
      await hand('consul');
      return seenWeb;
    });
    await until('Consul has joined', 120_000, async () =>
      (await inventory(web)).join() === 'reached,reached' ? true : undefined,
    );
    expect((await status(dir))?.parts.find(({ name }) => name === 'consul')?.state).toBe('up');

    // Seen and stopped from elsewhere.
    const seen = await until('every part is up', 60_000, () => isUp(running));
    const answer = (await (await fetch(`${seen.web}/checkout`)).json()) as Record<string, unknown>;
    expect(Object.keys(answer)).toEqual(expect.arrayContaining(['sdk', 'mesh']));
    expect((await start(['up', '--dir', dir, '--free-ports']).ended).stderr).toContain(`a lab already runs (pid ${running.pid}`);

    expect((await start(['down', '--dir', dir]).ended).code).toBe(0);
    expect((await running.ended).code).toBe(0);
    const pids = seen.parts.flatMap((part) => part.process?.pid ?? []);
    expect(pids.length).toBeGreaterThan(8);
    expect(pids.filter(exists)).toEqual([]);
    expect((await status(dir))?.running).toBe(false);
  }, 400_000);

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

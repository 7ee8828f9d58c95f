import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Rung } from '@isthmus/ladder';
import type { CallerAnswer, CallerOrder } from './client-caller.worker.ts';
import { serve } from './http/testing/recorded-server.ts';
import type { Server } from './http/testing/recorded-server.ts';

const HTTP1 = ['http', 'agentkeepalive', 'axios', 'axios with agentkeepalive', 'got', 'node-fetch', 'superagent'];
const ALL = [...HTTP1, 'fetch', 'undici without a dispatcher of its own'];

let directory: string;
let instance: Server;
let egress: Server;
let child: ChildProcess;
let log: string;
let version = 0;

async function plan(rung: Rung): Promise<void> {
  const file = join(directory, 'plan.json');
  const targets = [{ host: 'orders', rung, addresses: [`127.0.0.1:${instance.port}`] }];
  await writeFile(`${file}.new`, JSON.stringify({ schema: 1, version: String((version += 1)), targets }));
  await rename(`${file}.new`, file);
}

async function start(env: Readonly<Record<string, string>> = {}): Promise<void> {
  log = '';
  child = fork(join(import.meta.dirname, 'client-caller.worker.ts'), {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: ['--conditions=source', '--no-warnings'],
    env: {
      ...process.env,
      ISTHMUS_PLAN_FILE: join(directory, 'plan.json'),
      ISTHMUS_EGRESS: `127.0.0.1:${egress.port}`,
      ...env,
    },
  });
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`it ended: ${log}`)));
  await Promise.race([once(child, 'message'), ended]);
  ended.catch(() => undefined);
}

async function call(client: string): Promise<CallerAnswer> {
  const answer = once(child, 'message', { signal: AbortSignal.timeout(20_000) });
  child.send({ client, url: `http://127.0.0.1:${instance.port}/a` } satisfies CallerOrder);
  return ((await answer) as [CallerAnswer])[0];
}

/** Calls by `client` until the plan's rung is in force there. */
async function settled(rung: Rung): Promise<void> {
  const ends = performance.now() + 30_000;
  for (let at: CallerAnswer | undefined; at?.view[0]?.effective !== rung; at = await call('http')) {
    if (performance.now() > ends) throw new Error(`${rung} was not reached: ${JSON.stringify(at)} ${log}`);
  }
}

async function bodies(clients: readonly string[]): Promise<Record<string, string>> {
  const answers: Record<string, string> = {};
  for (const client of clients) answers[client] = (await call(client)).body;
  return answers;
}

const each = (clients: readonly string[], body: string): Record<string, string> =>
  Object.fromEntries(clients.map((client) => [client, body]));

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-clients-'));
  instance = await serve('instance');
  egress = await serve('egress');
});
afterEach(async () => {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  await Promise.all([instance.kill(), egress.kill()]);
  await rm(directory, { recursive: true, force: true });
});

test('calls by http, agentkeepalive, axios, got, node-fetch, superagent, fetch and undici move, come back, and outlive the sidecar', async () => {
  await plan('sdk');
  await start();
  expect(await bodies(ALL)).toEqual(each(ALL, 'instance'));
  await plan('traffic');
  await settled('traffic');
  egress.seen.length = 0;
  expect(await bodies(ALL)).toEqual(each(ALL, 'egress'));
  expect(egress.seen.map(({ url, headers }) => `${headers.host}${url}`)).toEqual(ALL.map(() => 'orders:80/a'));
  await egress.kill();
  expect(await bodies(ALL)).toEqual(each(ALL, 'instance'));
  expect(log).toContain('sidecar-lost');
  await plan('sdk');
  await settled('sdk');
  expect(await bodies(ALL)).toEqual(each(ALL, 'instance'));
}, 90_000);

describe.each([
  ['in a worker thread', { CALLER_WHERE: 'thread' }],
  ['in a process of a cluster', { CALLER_WHERE: 'cluster' }],
  ['with a tracer that patched http before the agent', { CALLER_TRACER: 'before' }],
  ['with a tracer that patched http after the agent', { CALLER_TRACER: 'after' }],
] as const)('%s', (_, env) => {
  test('calls move and come back, and nothing is said but what the sidecar does', async () => {
    await plan('sdk');
    await start(env);
    const some = ['http', 'axios', 'got', 'fetch'];
    expect(await bodies(some)).toEqual(each(some, 'instance'));
    await plan('traffic');
    await settled('traffic');
    expect(await bodies(some)).toEqual(each(some, 'egress'));
    await plan('sdk');
    await settled('sdk');
    expect(await bodies(some)).toEqual(each(some, 'instance'));
    expect(log.split('\n').filter((line) => line !== '' && !line.includes('sidecar-ready'))).toEqual([]);
  }, 90_000);
});

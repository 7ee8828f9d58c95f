import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Rung } from '@isthmus/ladder';
import { until } from '@isthmus/model/testing';
import { serveNames } from '../grpc/testing/names-server.ts';
import { serve } from '../http/testing/recorded-server.ts';
import type { Server } from '../http/testing/recorded-server.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const TARGET = 'orders.default-group.public.nacos';
const PROTO = `syntax = "proto3";
package isthmus.test;
message Nothing {}
message Name { string value = 1; }
service Names { rpc Who (Nothing) returns (Name); }
`;

let directory: string;
let instance: Server;
let egress: Server;
let child: ChildProcess;
let log: string;
let version = 0;

async function plan(rung: Rung, addresses = [`127.0.0.1:${instance.port}`]): Promise<void> {
  const file = join(directory, 'plan.json');
  const targets = [{ host: TARGET, rung, addresses }];
  await writeFile(`${file}.new`, JSON.stringify({ schema: 1, version: String((version += 1)), targets }));
  await rename(`${file}.new`, file);
}

async function start(folder: string, env: Readonly<Record<string, string>> = {}): Promise<number> {
  log = '';
  child = fork(join(import.meta.dirname, 'nest-app.worker.ts'), [folder, TARGET, join(directory, 'names.proto')], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: ['--conditions=source', '--no-warnings'],
    env: { ...process.env, NEST_PLAN: join(directory, 'plan.json'), NEST_EGRESS: `127.0.0.1:${egress.port}`, ...env },
  });
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`it ended: ${log}`)));
  ended.catch(() => undefined);
  const [{ port }] = (await Promise.race([once(child, 'message'), ended])) as [{ port: number }];
  return port;
}

async function ask(port: number, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown>> {
  const answer = await fetch(`http://127.0.0.1:${port}/${path}`, { headers, signal: AbortSignal.timeout(20_000) });
  return (await answer.json()) as Record<string, unknown>;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-nest-'));
  instance = await serve('instance');
  egress = await serve('egress');
  await writeFile(join(directory, 'names.proto'), PROTO);
  await plan('sdk');
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

describe.each([
  ['10 on express, by forRoot', join(ROOT, 'test/nest/10'), {}],
  ['11 on express, by forRootAsync', join(ROOT, 'test/nest/11'), { NEST_ASYNC: 'yes' }],
  ['12 on fastify, by forRoot', ROOT, {}],
])('Nest %s', (_, folder, env) => {
  test('injects targets whose calls, and those of HttpModule, follow the plan; says its health; and ends the agent last', async () => {
    const port = await start(folder, env);
    expect(await ask(port, 'call')).toEqual({ status: 200, type: 'object', text: 'instance', rung: 'sdk', desired: 'sdk' });
    expect(await ask(port, 'module')).toEqual({ text: 'instance' });
    expect(instance.seen).toMatchObject([{ method: 'PUT', url: '/handle', body: '{"a":1}' }, { url: '/module' }]);

    await plan('traffic');
    await until(
      () => `traffic; ${log}`,
      async () => (await ask(port, 'call'))['rung'] === 'traffic',
    );
    const trace = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
    expect(await ask(port, 'call', trace)).toMatchObject({ text: 'egress', desired: 'traffic' });
    expect(await ask(port, 'module', trace)).toEqual({ text: 'egress' });
    expect(egress.seen.slice(-2)).toMatchObject([
      { url: '/handle', headers: { host: `${TARGET}:80`, ...trace } },
      { url: '/module', headers: { host: `${TARGET}:80`, ...trace } },
    ]);
    expect(await ask(port, 'checked')).toMatchObject({
      status: 'ok',
      info: { isthmus: { status: 'up', targets: 1, lower: [] } },
    });

    await egress.kill();
    expect(await ask(port, 'call')).toMatchObject({ text: 'instance' });
    expect(await ask(port, 'module')).toEqual({ text: 'instance' });
    expect(await ask(port, 'checked')).toMatchObject({
      status: 'ok',
      info: { isthmus: { lower: [`${TARGET}:80: sdk, not traffic`] } },
    });
    await plan('retired', []);
    await until(
      () => `down; ${log}`,
      async () => (await ask(port, 'checked'))['status'] === 'error',
    );
    expect(await ask(port, 'checked')).toMatchObject({ error: { isthmus: { status: 'down' } } });

    const closed = once(child, 'message', { signal: AbortSignal.timeout(20_000) });
    child.send('close');
    // What the application closes in its onModuleDestroy is gone when the provider would deregister by it: docs/agent-clients.md.
    const order = ['onModuleDestroy', 'deregisters: servers answer, the agent runs', 'onApplicationShutdown'];
    expect(await closed).toMatchObject([{ before: true, after: false, order }]);
  }, 120_000);

  test('calls by its gRPC client on a channel that follows the plan', async () => {
    const servers = [await serveNames('instance'), await serveNames('egress')] as const;
    try {
      const addresses = [`127.0.0.1:${servers[0].port}`];
      await plan('sdk', addresses);
      const port = await start(folder, { ...env, NEST_EGRESS: `127.0.0.1:${servers[1].port}` });
      expect(await ask(port, 'channel')).toEqual({ value: 'instance' });
      await plan('traffic', addresses);
      await until(
        () => `it moves; ${log}`,
        async () => (await ask(port, 'channel'))['value'] === 'egress',
      );
      expect(servers[1].authorities[0]).toBe(`${TARGET}:80`);
      await plan('sdk', addresses);
      await until(
        () => `it comes back; ${log}`,
        async () => (await ask(port, 'channel'))['value'] === 'instance',
      );
    } finally {
      for (const one of servers) one.kill();
    }
  }, 120_000);
});

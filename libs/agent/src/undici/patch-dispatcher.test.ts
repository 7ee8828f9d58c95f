import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { serve } from '../http/testing/recorded-server.ts';
import type { Server } from '../http/testing/recorded-server.ts';
import type { FetchOrder, FetchReport } from './fetch-caller.worker.ts';

let instance: Server;
let egress: Server;

beforeEach(async () => {
  instance = await serve('instance');
  egress = await serve('egress');
});
afterEach(async () => {
  await Promise.all([instance.kill(), egress.kill()]);
});

async function fetched(methods: readonly string[], faulty = false, client?: string): Promise<FetchReport> {
  const workerData: FetchOrder = {
    instance: instance.port,
    egress: egress.port,
    methods,
    faulty,
    ...(client === undefined ? {} : { client }),
  };
  const worker = new Worker(new URL('fetch-caller.worker.ts', import.meta.url), {
    workerData,
    execArgv: ['--conditions=source'],
  });
  try {
    const [report] = (await once(worker, 'message', { signal: AbortSignal.timeout(50_000) })) as [FetchReport];
    return report;
  } finally {
    await worker.terminate();
  }
}

describe('a call by the built-in fetch', () => {
  test('goes to the egress and names the service; a second patch is none', async () => {
    expect(await fetched(['GET', 'POST'])).toMatchObject({
      answers: ['egress', 'egress'],
      failures: [],
      codes: [],
      twice: false,
      loaded: false,
      restored: true,
      counted: { calls: 2, failures: 0, attempts: 2 },
    });
    expect(egress.seen).toMatchObject([
      { method: 'GET', url: '/a', headers: { host: 'orders:80', a: 'b' } },
      { method: 'POST', body: 'body', headers: { host: 'orders:80' } },
    ]);
    expect(instance.seen).toEqual([]);
  });

  test('goes to the instance when nobody listens at the egress', async () => {
    await egress.kill();
    expect(await fetched(['GET'])).toMatchObject({ answers: ['instance'], failures: ['dead'] });
    expect(instance.seen[0]?.headers.host).toBe(`127.0.0.1:${instance.port}`);
  });

  test('goes to the instance when the sidecar dies before it answers, if that is safe, and fails as it did if not', async () => {
    await egress.kill();
    egress = await serve('egress', (incoming) => {
      incoming.socket.destroy();
      return true;
    });
    expect(await fetched(['GET', 'POST'])).toMatchObject({
      answers: ['instance', 'failed'],
      failures: ['bad', 'bad'],
      counted: { calls: 2, failures: 2, attempts: 3 },
    });
    expect(instance.seen.map(({ method }) => method)).toEqual(['GET']);
  });

  test('stays on the SDK when the agent has a fault', async () => {
    expect(await fetched(['GET'], true)).toMatchObject({ answers: ['instance'], codes: ['agent-fault'] });
  });
});

describe.each(['undici-5', 'undici-6', 'undici-7', 'undici'])('a call by npm %s, which is loaded after the agent', (client) => {
  test('goes to the egress from the turn on in which it is loaded', async () => {
    expect(await fetched(['GET', 'POST'], false, client)).toMatchObject({
      answers: ['egress', 'egress'],
      codes: [],
      loaded: false,
      restored: true,
    });
    expect(egress.seen.map(({ headers }) => headers.host)).toEqual(['orders:80', 'orders:80']);
    expect(instance.seen).toEqual([]);
  });
});

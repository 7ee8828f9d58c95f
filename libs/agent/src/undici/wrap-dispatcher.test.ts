import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import * as undici8 from 'undici';
import undici5 from 'undici-5';
import undici6 from 'undici-6';
import undici7 from 'undici-7';
import type { Agent } from '../agent.ts';
import type { Decision } from '../decision-table.ts';
import { serve } from '../http/testing/recorded-server.ts';
import type { Server } from '../http/testing/recorded-server.ts';
import { connectorOf, whyNotSecurely } from './secure-connector.ts';
import { wrapDispatcher } from './index.ts';

type Undici = typeof undici8;

const versions = {
  5: undici5 as unknown as Undici,
  6: undici6 as unknown as Undici,
  7: undici7 as unknown as Undici,
  8: undici8,
};

const KEY = Symbol.for('isthmus.agent');
const global = globalThis as { [KEY]?: Agent | undefined };
const sidecar: Decision = { kind: 'sidecar', rung: 'traffic', authority: 'orders:80' };

let instance: Server;
let egress: Server;
let said: string[];
let url: string;

/** What other parts have of the agent of a process: its decisions, without plan and sidecar. */
function run(decide: (port: number) => Decision): void {
  const seam = {
    egress: { host: '127.0.0.1', port: egress.port },
    decide: (_host: string, port: number) => decide(port),
    failed: () => undefined,
    diagnostics: { report: ({ code, message }: { code: string; message: string }) => said.push(`${code} ${message}`) },
  };
  global[KEY] = { clients: { seam } } as unknown as Agent;
}

beforeEach(async () => {
  instance = await serve('instance');
  egress = await serve('egress');
  url = `http://127.0.0.1:${instance.port}/a`;
  said = [];
  run((port) => (port === instance.port ? sidecar : { kind: 'sdk' }));
});
afterEach(async () => {
  delete global[KEY];
  await Promise.all([instance.kill(), egress.kill()]);
});

describe.each(Object.entries(versions))('an own dispatcher of undici %s', (_, undici) => {
  const said8 = async (dispatcher: InstanceType<Undici['Agent']>, method = 'GET'): Promise<string> => {
    const answer = await undici.request(url, { dispatcher, method, ...(method === 'GET' ? {} : { body: 'b' }) });
    return answer.body.text();
  };

  test('follows the plan by request, fetch and its own methods, and does what it did without an agent', async () => {
    const dispatcher = wrapDispatcher(new undici.Agent());
    expect(wrapDispatcher(dispatcher)).toBe(dispatcher);
    expect(await said8(dispatcher)).toBe('egress');
    expect(await (await undici.fetch(url, { dispatcher })).text()).toBe('egress');
    const own = dispatcher as unknown as { request(options: object): Promise<{ body: { text(): Promise<string> } }> };
    const origin = `http://127.0.0.1:${instance.port}`;
    expect(await (await own.request({ origin, path: '/', method: 'GET' })).body.text()).toBe('egress');
    expect(egress.seen.map(({ headers }) => headers.host)).toEqual(['orders:80', 'orders:80', 'orders:80']);
    delete global[KEY];
    expect(await said8(dispatcher)).toBe('instance');
    await dispatcher.close();
  });

  test('asks the instance when nobody listens at the egress, and when it dies before it answers if that is safe', async () => {
    const dispatcher = wrapDispatcher(new undici.Agent());
    const { port } = egress;
    await egress.kill();
    expect(await said8(dispatcher)).toBe('instance');
    expect(await said8(dispatcher, 'POST')).toBe('instance');
    egress = await serve('egress', (request) => {
      request.socket.destroy();
      return true;
    });
    expect(port).not.toBe(egress.port);
    run(() => sidecar);
    expect(await said8(dispatcher)).toBe('instance');
    await expect(said8(dispatcher, 'POST')).rejects.toThrow();
    await dispatcher.close();
  });

  test('stays on the SDK when the agent has a fault', async () => {
    run(() => {
      throw new Error('broken');
    });
    const dispatcher = wrapDispatcher(new undici.Agent());
    expect(await said8(dispatcher)).toBe('instance');
    expect(said).toEqual(['agent-fault a call was left to the SDK: broken']);
    await dispatcher.close();
  });

  test('that is bound to an origin, sends by a proxy or repeats is left alone, and that is said', async () => {
    const origin = `http://127.0.0.1:${instance.port}`;
    const proxy = new undici.ProxyAgent(`http://127.0.0.1:${egress.port}`);
    const retry = 'RetryAgent' in undici ? [new undici.RetryAgent(new undici.Agent())] : [];
    const others = [new undici.Client(origin), new undici.Pool(origin), new undici.BalancedPool([origin]), proxy, ...retry];
    for (const dispatcher of others) {
      expect(wrapDispatcher(dispatcher)).toBe(dispatcher);
      await dispatcher.close();
    }
    expect(said).toHaveLength(others.length);
    expect(said[0]).toContain("not-movable a dispatcher was not wrapped, its calls stay on the SDK: undici's Client is bound");
    expect(said[3]).toContain("undici's ProxyAgent sends calls by a proxy");
  });
});

test('HTTPS stays on the SDK, and that is said, unless the sidecar originates TLS', async () => {
  const dispatcher = wrapDispatcher(new undici8.Agent());
  const secure = `https://127.0.0.1:${instance.port}/a`;
  await expect(undici8.request(secure, { dispatcher })).rejects.toThrow();
  expect(said).toEqual([expect.stringContaining('a call to orders:80 stays on the SDK: it is HTTPS')]);
  run(() => ({ ...sidecar, originatesTls: true }));
  expect(await (await undici8.request(secure, { dispatcher })).body.text()).toBe('egress');
  expect(egress.seen).toMatchObject([{ url: '/a', headers: { host: 'orders:80' } }]);
  await dispatcher.close();
});

test('who checks certificates for the built-in fetch is undici 8’s own dispatcher, where undici 8 was loaded first and stands before it', () => {
  const own = undici8.getGlobalDispatcher();
  const before = new undici8.Dispatcher1Wrapper(own);
  expect(whyNotSecurely(before)).toContain('not one that is known to check certificates by the Host');
  expect(connectorOf(before)).toBe(own);
  expect(whyNotSecurely(connectorOf(before))).toBeUndefined();
  const other = new undici8.Agent();
  expect(connectorOf(other)).toBe(other);
});

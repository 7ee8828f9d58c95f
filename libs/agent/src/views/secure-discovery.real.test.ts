import { mkdtemp, readFile, rm } from 'node:fs/promises';
import https from 'node:https';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type tls from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentTarget, ViewEndpoint } from '@isthmus/contract';
import { HttpsAgent } from 'agentkeepalive';
import * as undici8 from 'undici';
import undici5 from 'undici-5';
import undici6 from 'undici-6';
import undici7 from 'undici-7';
import { Authority } from '../../../../test/e2e/support/authority.ts';
import type { IssuedFiles } from '../../../../test/e2e/support/authority.ts';
import { patchHttp } from '../http/patch-http.ts';
import { wrapped } from '../undici/patch-dispatcher.ts';
import { serveSecurely } from './testing/secure-instance.ts';
import type { SecureInstance } from './testing/secure-instance.ts';
import { ViewAgent, endpoint } from './testing/view-agent.ts';

const AUTHORITY = 'orders.mesh:443';

let dir: string;
let ca: string;
let ofOrders: IssuedFiles;
let ofUsers: IssuedFiles;
let ofAddress: IssuedFiles;
let untrusted: IssuedFiles;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-tls-'));
  const authority = await Authority.make(dir, 'ca');
  ca = await readFile(authority.certFile, 'utf8');
  ofOrders = await authority.issue('orders', 'DNS:orders.mesh');
  ofUsers = await authority.issue('users', 'DNS:users.mesh');
  ofAddress = await authority.issue('address', 'IP:127.0.0.1');
  untrusted = await (await Authority.make(dir, 'other')).issue('orders', 'DNS:orders.mesh');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

let servers: Map<string, SecureInstance>;
let agent: ViewAgent;
let closing: (() => unknown)[];
beforeEach(() => {
  servers = new Map();
  closing = [];
  agent = new ViewAgent({ zone: 'eu/a' });
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  for (const server of servers.values()) await server.kill();
});

async function serve(name: string, files: IssuedFiles): Promise<SecureInstance> {
  const server = await serveSecurely(name, files);
  servers.set(name, server);
  return server;
}

/** `sdk` is who the SDK calls. */
function plan(more: Partial<AgentTarget> = {}): void {
  const sdk = servers.get('sdk');
  const addresses = sdk === undefined ? [] : [sdk.address];
  agent.adopt({ host: 'orders.mesh', port: 443, rung: 'discovery', addresses, sdkNames: ['nacos/public/G/orders'], ...more });
}

const view = (...endpoints: readonly ViewEndpoint[]): void => agent.discovery.take(AUTHORITY, endpoints);
const at = (name: string, over: Partial<ViewEndpoint> = {}): ViewEndpoint => endpoint(servers.get(name)?.address ?? '', over);

interface Called {
  readonly host?: string;
  readonly port?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
/** @returns who answered, or the code of the error */
type Call = (called: Called) => Promise<string>;

function byHttps(made: https.Agent): Call {
  const undo = patchHttp(agent.clients.seam);
  closing.push(undo, () => made.destroy());
  return ({ host = '127.0.0.1', port, headers = {}, body }) =>
    new Promise((resolve) => {
      const sent = https.request({ host, port, headers, method: body === undefined ? 'GET' : 'POST', agent: made }, (answer) => {
        let text = '';
        const { authorized } = answer.socket as tls.TLSSocket;
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () => resolve(authorized ? text : `${text}, without authority`));
      });
      sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      sent.end(body);
    });
}

function byUndici(undici: typeof undici8): Call {
  const dispatcher = wrapped(new undici.Agent({ connect: { ca, timeout: 1_000 } }), () => agent.clients.seam);
  closing.push(() => dispatcher.close());
  return async ({ host = '127.0.0.1', port, headers = {}, body }) => {
    const url = `https://${host}${port === undefined ? '' : `:${port}`}/`;
    try {
      const method = body === undefined ? 'GET' : 'POST';
      const answer = await undici.request(url, { dispatcher, headers, method, ...(body === undefined ? {} : { body }) });
      return await answer.body.text();
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    }
  };
}

const clients: Readonly<Record<string, () => Call>> = {
  'Node’s https': () => byHttps(new https.Agent({ keepAlive: true, ca })),
  'https with agentkeepalive': () => byHttps(new HttpsAgent({ ca }) as unknown as https.Agent),
  'undici 5': () => byUndici(undici5 as unknown as typeof undici8),
  'undici 6': () => byUndici(undici6 as unknown as typeof undici8),
  'undici 7': () => byUndici(undici7 as unknown as typeof undici8),
  'undici 8': () => byUndici(undici8),
};
const seen = (name: string): number => servers.get(name)?.seen.length ?? 0;
const toSdk = (more: Called = {}): Called => ({ port: servers.get('sdk')?.port ?? 0, headers: { host: 'orders.mesh' }, ...more });
const BY_NAME: Called = { host: 'orders.mesh' };

describe.each(Object.entries(clients))('at discovery a call by %s', (_, open) => {
  test('goes to the instances of the mesh by their weights, each by the name of the service and on connections of its own', async () => {
    for (const name of ['sdk', 'one', 'two']) await serve(name, ofOrders);
    plan();
    view(at('one', { weight: 3 }), at('two'));
    const call = open();
    for (let turn = 0; turn < 400; turn += 1) expect(['one', 'two']).toContain(await call(turn % 2 === 0 ? toSdk() : BY_NAME));
    expect(Math.abs(seen('one') / 400 - 0.75)).toBeLessThan(0.08);
    expect(seen('sdk')).toBe(0);
    for (const name of ['one', 'two']) {
      const { seen: asked = [], connections } = servers.get(name) ?? { connections: () => 0 };
      expect(new Set(asked.map(({ serverName }) => serverName))).toEqual(new Set(['orders.mesh']));
      expect(asked.every(({ host }) => /^orders\.mesh(:443)?$/.test(host ?? ''))).toBe(true);
      expect(connections()).toBeLessThanOrEqual(2);
    }
  }, 120_000);

  test('stays in its own zone, and dials an instance that left the view no more', async () => {
    for (const name of ['near', 'near2', 'far']) await serve(name, ofOrders);
    plan();
    view(at('near', { zone: 'eu/a' }), at('near2', { zone: 'eu/a' }), at('far', { zone: 'eu/b' }));
    const call = open();
    const answers = new Set<string>();
    for (let turn = 0; turn < 40; turn += 1) answers.add(await call(BY_NAME));
    expect(answers).toEqual(new Set(['near', 'near2']));
    view(at('near2', { zone: 'eu/a' }), at('far', { zone: 'eu/b' }));
    const before = servers.get('near')?.connections();
    for (let turn = 0; turn < 20; turn += 1) expect(await call(BY_NAME)).toBe('near2');
    expect(servers.get('near')?.connections()).toBe(before);
  }, 120_000);

  test('sends nothing to an instance with another name in its certificate, goes where the SDK sent it, and tries no other for a minute', async () => {
    await serve('sdk', ofOrders);
    await serve('users', ofUsers);
    plan();
    view(at('users'));
    const call = open();
    for (let turn = 0; turn < 5; turn += 1) expect(await call(toSdk({ body: 'secret' }))).toBe('sdk');
    expect(servers.get('users')).toMatchObject({ seen: [] });
    expect(servers.get('users')?.connections()).toBe(1);
    expect(agent.said.map(({ code, message }) => `${code}: ${message}`)).toEqual([
      'not-movable: a call to orders.mesh:443 stays on the SDK: another instance has no certificate for orders.mesh',
    ]);
  }, 120_000);

  test('sends nothing to an instance whose authority is not trusted, or that refuses, and goes past it then', async () => {
    for (const name of ['sdk', 'one', 'two', 'gone']) await serve(name, ofOrders);
    await serve('untrusted', untrusted);
    await servers.get('gone')?.kill();
    plan({ sdkNames: ['consul/dc1//orders'] });
    view(at('one'), at('untrusted'), at('two'), at('gone'));
    const call = open();
    const answers: string[] = [];
    for (let turn = 0; turn < 12; turn += 1) answers.push(await call(toSdk({ body: `${turn}` })));
    // Each is tried once, and left alone then.
    expect(answers.filter((answer) => answer === 'sdk')).toHaveLength(2);
    expect(new Set(answers)).toEqual(new Set(['sdk', 'one', 'two']));
    expect(servers.get('untrusted')).toMatchObject({ seen: [] });
    const bodies = ['sdk', 'one', 'two'].flatMap((name) => servers.get(name)?.seen.map(({ body }) => Number(body)) ?? []);
    expect(bodies.sort((a, b) => a - b)).toEqual(answers.map((__, turn) => turn));
  }, 120_000);

  test('to an instance that accepts and says nothing goes where the SDK sent it', async () => {
    await serve('sdk', ofOrders);
    const mute = net.createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    closing.push(() => mute.close());
    plan();
    view(endpoint(`127.0.0.1:${(mute.address() as AddressInfo).port}`));
    expect(await open()(toSdk())).toBe('sdk');
  }, 120_000);

  test('to an address without a name stays on the SDK, checked by that address, and that is said', async () => {
    await serve('sdk', ofAddress);
    await serve('one', ofAddress);
    plan();
    view(at('one'));
    expect(await open()(toSdk({ headers: {} }))).toBe('sdk');
    expect(seen('one')).toBe(0);
    expect(agent.said[0]?.message).toContain('it is HTTPS to an address, and without the name of a server');
  }, 120_000);

  test('moves there and back under load, and none fails', async () => {
    for (const name of ['sdk', 'one', 'two']) await serve(name, ofOrders);
    plan({ rung: 'sdk' });
    view(at('one'), at('two'));
    const call = open();
    let isOver = false;
    const answers = new Set<string>();
    const load = Promise.all(
      Array.from({ length: 5 }, async () => {
        while (!isOver) answers.add(await call(toSdk()));
      }),
    );
    for (let turn = 0; turn < 10; turn += 1) {
      plan();
      expect(['one', 'two']).toContain(await call(toSdk()));
      plan({ rung: 'sdk' });
      expect(await call(toSdk())).toBe('sdk');
    }
    isOver = true;
    await load;
    expect([...answers].every((answer) => ['sdk', 'one', 'two'].includes(answer))).toBe(true);
  }, 120_000);
});

test('what connects in a way of its own, or by a name of its own, stays on the SDK and that is said', async () => {
  await serve('sdk', ofOrders);
  await serve('one', ofOrders);
  plan();
  view(at('one'));
  const own = new https.Agent({ ca });
  const { createConnection } = own as unknown as { createConnection: (options: object) => net.Socket };
  Object.assign(own, { createConnection: (options: object) => createConnection.call(own, options) });
  expect(await byHttps(own)(toSdk())).toBe('sdk');
  const named = wrapped(new undici8.Agent({ connect: { ca, servername: 'orders.mesh' } }), () => agent.clients.seam);
  closing.push(() => named.close());
  const url = `https://127.0.0.1:${servers.get('sdk')?.port}/`;
  const answer = await undici8.request(url, { dispatcher: named, headers: { host: 'orders.mesh' } });
  expect(await answer.body.text()).toBe('sdk');
  expect(agent.said.map(({ message }) => message.replace(/.*: /, ''))).toEqual([
    'it is HTTPS, and its agent connects in a way of its own',
  ]);
});

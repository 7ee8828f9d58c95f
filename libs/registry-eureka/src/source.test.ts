import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { join } from 'node:path';
import { parseSourceId } from '@isthmus/model';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { FakeEureka } from './testing/fake-eureka.ts';
import { openEureka } from './testing/scripted-harness.ts';
import type { OpenOptions } from './testing/scripted-harness.ts';
import { instanceId, wireInstance } from './testing/wire-instance.ts';

jest.setTimeout(30_000);

const scope = { source: parseSourceId('old'), namespace: '', group: '' };
const orders = (n: number, more = {}) => wireInstance('orders', { address: `10.0.0.${n}`, port: 8_000 + n, ...more });
const state = (view: Collector) => view.status(scope)?.state;
const ports = (view: Collector, service = 'orders') => view.endpoints(service).map(({ port }) => port);

describe('a source on Eureka', () => {
  let servers: FakeEureka[];
  let view: Collector;

  beforeEach(async () => {
    servers = [new FakeEureka(), new FakeEureka()];
    for (const server of servers) await server.start();
  });
  afterEach(async () => {
    await view.stop();
    for (const server of servers) await server.stop();
    expect(view.violations).toEqual([]);
  });

  const watch = async (count: 1 | 2, options: OpenOptions = {}) => {
    view = collect(
      openEureka(
        servers.slice(0, count).map(({ url }) => url),
        options,
      ),
    );
    await view.until('live', (v) => state(v) === 'live');
  };
  const both = () => servers as [FakeEureka, FakeEureka];

  test('reads everything once and then only what changed', async () => {
    const [one] = both();
    one.register(orders(1));
    await watch(1);
    one.register(orders(2));
    await view.until('the second instance', (v) => ports(v).length === 2);
    expect(one.requests.filter((path) => path === '/eureka/apps/')).toHaveLength(1);
    expect(view.events.filter(({ kind }) => kind === 'upsert')).toHaveLength(1);
  });

  test('keeps one connection over many polls', async () => {
    const [one] = both();
    await watch(1);
    await view.until('ten polls', () => one.requests.length >= 10);
    expect(one.connections).toBe(1);
  });

  test('reads everything again when the hash says that a change was missed', async () => {
    const [one] = both();
    one.register(orders(1));
    one.register(orders(2));
    await watch(1);
    one.lose('orders', instanceId('orders', '10.0.0.1', 8_001));
    await view.until('the instance that was lost', (v) => ports(v).join() === '8002');
    expect(one.requests.filter((path) => path === '/eureka/apps/')).toHaveLength(2);
    expect(state(view)).toBe('live');
  });

  test('goes on with the next server when one is gone, deletes nothing and stays there', async () => {
    const [one, two] = both();
    for (const server of servers) server.register(orders(1));
    await watch(2);
    await one.stop();
    two.register(orders(2));
    await view.until('the instance that only the second one has', (v) => ports(v).length === 2);
    await one.start();
    const asked = one.requests.length;
    const seen = two.requests.length;
    await view.until('more polls of the second', () => two.requests.length > seen + 3);
    expect(one.requests.length).toBe(asked);
    expect(view.events.filter(({ kind }) => kind === 'remove')).toEqual([]);
    expect(state(view)).toBe('live');
  });

  test('holds for the grace what the next server does not list', async () => {
    const [one, two] = both();
    one.register(orders(1));
    one.register(orders(2));
    two.register(orders(2));
    await watch(2);
    await one.stop();
    await view.until('stale', (v) => state(v) === 'stale');
    expect(ports(view)).toEqual([8_001, 8_002]);
    await view.until('live', (v) => state(v) === 'live');
    expect(ports(view)).toEqual([8_002]);
  });

  test('nacos-sync: does not believe an empty server while another one has services', async () => {
    const [one, two] = both();
    two.register(orders(1));
    await watch(2);
    expect(ports(view)).toEqual([8_001]);
    expect(one.requests).toContain('/eureka/apps/');
  });

  test('believes empty servers when all of them are empty', async () => {
    await watch(2);
    expect(view.services.size).toBe(0);
  });

  test('does not believe a server that was restarted between two polls, which its version tells', async () => {
    const [one] = both();
    one.register(orders(1));
    one.register(orders(2));
    await watch(1);
    const polled = one.requests.length;
    await view.until('a few deltas', () => one.requests.length > polled + 5);
    one.forgetEverything();
    one.register(orders(2, { metadata: { run: '2' } }));
    await view.until('the instance that came back', (v) => v.endpoints('orders')[1]?.metadata['run'] === '2');
    await view.until('stale', (v) => state(v) === 'stale');
    expect(ports(view)).toEqual([8_001, 8_002]);
    await view.until('live', (v) => state(v) === 'live');
    expect(ports(view)).toEqual([8_002]);
  });

  test('is live again at once when everything that a restart lost has come back', async () => {
    const [one] = both();
    one.register(orders(1));
    await watch(1, { restartGrace: '1h' });
    await one.stop();
    await view.until('stale', (v) => state(v) === 'stale');
    one.forgetEverything();
    await one.start();
    await view.until('held', (v) => v.status(scope)?.state === 'stale' && /does not list/.test(JSON.stringify(v.status(scope))));
    one.register(orders(1));
    await view.until('live', (v) => state(v) === 'live');
    expect(ports(view)).toEqual([8_001]);
  });

  test('reads everything, less often, from a server that gives no deltas', async () => {
    const [one] = both();
    one.script('delta', { status: 403 });
    one.register(orders(1));
    await watch(1);
    one.register(orders(2));
    await view.until('the second instance', (v) => ports(v).length === 2);
    one.deregister('orders', instanceId('orders', '10.0.0.1', 8_001));
    await view.until('the first one gone', (v) => ports(v).join() === '8002');
    expect(state(view)).toBe('live');
  });

  test('reads servers that send a list of one as that one', async () => {
    const [one] = both();
    one.singleAsObject = true;
    one.register(orders(1));
    await watch(1);
    expect(ports(view)).toEqual([8_001]);
    one.deregister('orders', instanceId('orders', '10.0.0.1', 8_001));
    await view.until('gone', (v) => !v.has('orders'));
  });

  test('leaves excluded applications out, in whatever case they are written', async () => {
    const [one] = both();
    one.register(orders(1));
    one.register(wireInstance('TEST-ORDERS', { address: '10.0.0.9', port: 80 }));
    await watch(1, { services: { exclude: ['Test-*'] } });
    expect([...view.services.values()].map(({ key }) => key.name)).toEqual(['orders']);
    const polled = one.requests.length;
    await view.until('more polls', () => one.requests.length > polled + 3);
    expect(one.requests.filter((path) => path === '/eureka/apps/')).toHaveLength(1); // the hash still agrees
  });

  test('a service of thousands of instances arrives whole', async () => {
    const [one] = both();
    for (let n = 0; n < 3_000; n += 1) one.register(wireInstance('huge', { address: `10.1.${n >> 8}.${n & 255}`, port: 80 }));
    one.register(orders(1));
    await watch(1);
    expect(view.endpoints('huge')).toHaveLength(3_000);
    expect(new Set(view.endpoints('huge').map(({ address }) => address)).size).toBe(3_000);
    expect(ports(view)).toEqual([8_001]);
  });

  test('tells when the last byte of a message came, on the clock of performance.now()', async () => {
    const times: number[] = [];
    const before = performance.now();
    await watch(1, { onMessage: (at) => times.push(at) });
    expect(times[0]).toBeGreaterThan(before);
    expect(times[0]).toBeLessThanOrEqual(performance.now());
  });

  test('a password that was wrong is read again, so that mending the file is enough', async () => {
    const [one] = both();
    one.account = 'lab:after';
    one.register(orders(1));
    view = collect(openEureka([one.url], { password: 'before' }));
    await view.until('stale', (v) => state(v) === 'stale');
    expect(JSON.stringify(view.status(scope))).toMatch(/401 \(unauthorized\): user name or password is wrong.*auth\.username/);
    process.env['ISTHMUS_TEST_EUREKA_BEFORE'] = 'after';
    await view.until('live', (v) => state(v) === 'live');
  });

  test('slime#389: a server that stops in the middle of a list is stale, and nothing of the list counts', async () => {
    const [one] = both();
    const begun = '{"applications":{"application":[{"name":"ORDERS","instance":[]},';
    one.script('full', { body: begun, hang: true });
    view = collect(openEureka([one.url], { timeout: '300ms' }));
    await view.until('stale', (v) => state(v) === 'stale');
    expect(JSON.stringify(view.status(scope))).toMatch(/does not answer within 300 ms/);
    expect(view.services.size).toBe(0);
  });

  test.each([
    [{ status: 302, headers: { location: '/login' } }, /redirect to \/login/],
    [{ status: 403 }, /forbidden/],
    [{ status: 404 }, /not under this path/],
    [{ status: 500 }, /answers 500/],
  ])('an answer %j is a stale registry that says what it means', async (answer, cause) => {
    const [one] = both();
    one.script('full', answer);
    view = collect(openEureka([one.url]));
    await view.until('stale', (v) => state(v) === 'stale');
    expect(JSON.stringify(view.status(scope))).toMatch(cause);
    expect(view.events.filter(({ kind }) => kind === 'snapshot')).toEqual([]);
  });
});

describe('a source on Eureka over TLS', () => {
  const tls = join(import.meta.dirname, 'testdata', 'tls');

  test('trusts the authority that it was told, and nobody else', async () => {
    const fake = new FakeEureka({ certFile: join(tls, 'server.pem'), keyFile: join(tls, 'server.key') });
    await fake.start();
    fake.register(orders(1));
    const trusting = collect(openEureka([fake.url], { tls: { caFile: 'server.pem' }, baseDir: tls }));
    const careful = collect(openEureka([fake.url]));
    try {
      await trusting.until('live', (v) => state(v) === 'live');
      expect(ports(trusting)).toEqual([8_001]);
      await careful.until('stale', (v) => state(v) === 'stale');
      expect(JSON.stringify(careful.status(scope))).toMatch(/tls\.caFile/);
    } finally {
      await trusting.stop();
      await careful.stop();
      await fake.stop();
    }
  });
});

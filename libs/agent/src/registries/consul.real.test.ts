import { until } from '@isthmus/model/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { startConsul } from '@isthmus/servers';
import type { ConsulServer } from '@isthmus/servers';
import { HoldingProxy } from './testing/holding-proxy.ts';
import { WatchedClient } from './testing/watched-client.ts';
import type { ClientOrder } from './testing/watched-client.ts';

const MASTER = 'a-token-for-tests';
const BACKOFF = { backoffFactor: 10, backoffMax: 200 };

describe.each([
  ['1', 'consul-1'],
  ['2', 'consul'],
])('npm consul %s, watched, at a Consul', (_, module) => {
  let consul: ConsulServer;
  let clients: WatchedClient[] = [];
  let services = 0;

  const name = (service: string) => `consul/dc1//${service}`;
  const service = (): string => `orders-${(services += 1)}`;
  const client = (watched: ClientOrder['watched'], port = consul.ports.http, more: object = {}): WatchedClient => {
    const made = new WatchedClient({ kind: 'consul', module, options: { host: '127.0.0.1', port, ...more }, watched });
    clients.push(made);
    return made;
  };
  const put = async (path: string, body: object = {}, port = consul.ports.http): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/${path}`, {
      method: 'PUT',
      headers: { 'x-consul-token': MASTER },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
  };
  const register = (Name: string, Port: number, more: object = {}) =>
    put('agent/service/register', { Name, ID: `${Name}-${Port}`, Address: '10.0.0.7', Port, ...more });
  const listed = async (service: string) => {
    const answer = await fetch(`http://127.0.0.1:${consul.ports.http}/v1/health/service/${service}?passing`);
    return (await answer.json()) as readonly { readonly Service: { readonly Weights: object } }[];
  };
  const watch = (service: string, more: object = {}) => ({
    method: '@health.service',
    options: { service, ...more },
    ...BACKOFF,
  });

  beforeAll(async () => {
    consul = await startConsul();
  }, 240_000);
  afterEach(async () => {
    await Promise.all(clients.map((one) => one.stop()));
    clients = [];
  });
  afterAll(async () => {
    await consul?.stop();
  }, 60_000);

  test.each(['client', 'module'] as const)(
    'tells what it asks for and watches, watched by its %s, and its callers get what they got without',
    async (watched) => {
      const orders = service();
      await register(orders, 8081, { Meta: { zone: 'z1' }, Weights: { Passing: 5, Warning: 1 } });
      const [seen, plain] = [client(watched), client('no')];
      expect(await seen.call('health.service', orders)).toEqual(await plain.call('health.service', orders));
      expect(seen.views.get(name(orders))).toEqual([
        { address: '10.0.0.7', port: 8081, weight: 5, healthy: true, zone: '/z1', protocol: '' },
      ]);
      await seen.call('watch', watch(orders));
      await register(orders, 8082, { Check: { TTL: '60s', Status: 'critical' } });
      await until('the second is told', () => seen.views.get(name(orders))?.length === 2);
      expect(seen.views.get(name(orders))?.find(({ port }) => port === 8082)?.healthy).toBe(false);
      for (const port of [8081, 8082]) await put(`agent/service/deregister/${orders}-${port}`);
      await until('nobody is left', () => seen.views.get(name(orders))?.length === 0);
      const refused = (one: WatchedClient) => one.call('health.service', {}).catch((error: Error) => error.message);
      expect(await refused(seen)).toBe(await refused(plain));
      expect(seen.bugs).toEqual([]);
    },
    60_000,
  );

  test('consul-watch-ended: a watch that is answered 400 is over, and says so to nobody', async () => {
    const seen = client('client');
    await seen.call('watch', watch('orders', { wait: '1x', timeout: 10_000 }));
    await until('the bug is seen', () => seen.has('consul-watch-ended'));
  }, 60_000);

  test('consul-watch-unguarded: a watch without a listener of `error` ends the process when Consul is not there', async () => {
    const proxy = await HoldingProxy.start(consul.ports.http);
    proxy.treat = () => 'fail';
    const seen = client('client', proxy.port);
    try {
      await seen.call('watch', watch('orders'), 'unguarded');
      await until('it would have ended', () => seen.has('uncaught') || seen.has('unhandled'));
      expect(seen.has('consul-watch-unguarded')).toBe(true);
    } finally {
      await proxy.stop();
    }
  }, 60_000);

  test('consul-call-hangs: a call whose answer broke off is waited for, for ever', async () => {
    const proxy = await HoldingProxy.start(consul.ports.http);
    proxy.treat = () => 'break-off';
    const seen = client('client', proxy.port);
    try {
      let isSettled = false;
      const settled = () => void (isSettled = true);
      void seen.call('health.service', 'orders').then(settled, settled);
      await until('the bug is seen', () => seen.has('consul-call-hangs', 'consul///orders'), 45_000);
      expect(isSettled).toBe(false);
    } finally {
      await proxy.stop();
    }
  }, 60_000);

  test('consul-weights-dropped: registers without the weights that it was given; the provider adds them', async () => {
    const orders = service();
    const seen = client('client');
    await seen.call('agent.service.register', {
      name: orders,
      address: '10.0.0.7',
      port: 8081,
      weights: { passing: 10, warning: 2 },
    });
    expect(await listed(orders)).toMatchObject([{ Service: { Weights: { Passing: 1, Warning: 1 } } }]);
    expect(seen.has('consul-weights-dropped')).toBe(true);
    await seen.call('provider.register');
    expect(await listed(orders)).toMatchObject([{ Service: { Weights: { Passing: 10, Warning: 2 } } }]);
    await seen.call('provider.shutdown');
    await until('it is gone', async () => (await listed(orders)).length === 0);
  }, 60_000);

  test('a service with a TTL is called at once when the provider registers it, and not before its first pass otherwise', async () => {
    const orders = service();
    const seen = client('module');
    await seen.call('agent.service.register', { name: orders, port: 8081, check: { ttl: '60s' } });
    expect(await listed(orders)).toEqual([]);
    await seen.call('provider.register');
    expect(await listed(orders)).toHaveLength(1);
  }, 60_000);

  test('consul-watch-slept: asks with the index of before when Consul has lost its data, and hears late', async () => {
    const orders = service();
    for (let at = 0; at < 60; at += 1) await put('kv/bump', { at });
    await register(orders, 8081);
    const seen = client('client');
    await seen.call('watch', watch(orders, { wait: '4s' }));
    await until('it is told', () => seen.places(name(orders))?.length === 1);
    await consul.restart({ keepData: false });
    await register(orders, 8082);
    await until('it is told of the other', () => seen.places(name(orders))?.[0] === '10.0.0.7:8082');
    // Told after the view, and the client's thread may rest between the two.
    await until('the bug is seen', () => seen.has('consul-watch-slept'));
  }, 90_000);
});

describe('npm consul with a token that may read little', () => {
  test('consul-rights-hide-instances: its watch is told of fewer instances, and of no error', async () => {
    const consul = await startConsul({ managementToken: MASTER });
    const api = async (method: string, path: string, body?: object): Promise<unknown> => {
      const answer = await fetch(`http://127.0.0.1:${consul.ports.http}/v1/${path}`, {
        method,
        headers: { 'x-consul-token': MASTER },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      expect([path, answer.status, text]).toEqual([path, 200, text]);
      return text === '' ? undefined : (JSON.parse(text) as unknown);
    };
    await api('PUT', 'agent/service/register', { Name: 'orders', ID: 'orders-1', Port: 8081 });
    await api('PUT', 'acl/policy', { Name: 'little', Rules: 'service "orders" { policy = "read" }' });
    const { SecretID: token } = (await api('PUT', 'acl/token', { Policies: [{ Name: 'little' }] })) as { SecretID: string };
    const options = { host: '127.0.0.1', port: consul.ports.http, defaults: { token } };
    const seen = new WatchedClient({ kind: 'consul', module: 'consul', options, watched: 'client' });
    try {
      await seen.call('watch', { method: '@health.service', options: { service: 'orders' }, ...BACKOFF });
      await until('the bug is seen', () => seen.bugs.length > 0);
      expect(seen.bugs.map(({ code }) => code)).toEqual(['consul-rights-hide-instances']);
    } finally {
      await seen.stop();
      await consul.stop();
    }
  }, 120_000);
});

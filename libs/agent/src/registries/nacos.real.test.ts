import { until } from '@isthmus/model/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { borrowNacos2 } from '@isthmus/servers';
import type { Borrowed, NacosPorts } from '@isthmus/servers';
import { HoldingProxy } from './testing/holding-proxy.ts';
import { WatchedClient } from './testing/watched-client.ts';
import type { ClientOrder } from './testing/watched-client.ts';

interface ListedInstance {
  readonly port: number;
  readonly weight: number;
  readonly healthy: boolean;
}

describe('npm nacos, watched, at a Nacos 2', () => {
  let nacos: Borrowed<NacosPorts>;
  let clients: WatchedClient[] = [];
  let services = 0;

  const name = (service: string) => `nacos/public/DEFAULT_GROUP/${service}`;
  const service = (): string => `orders-${(services += 1)}`;
  const client = (watched: ClientOrder['watched'], port = nacos.ports.http, more: object = {}): WatchedClient => {
    const options = { serverList: `127.0.0.1:${port}`, namespace: 'public', ...more };
    const made = new WatchedClient({ kind: 'nacos', module: 'nacos', options, watched, warmUpMs: 3_000 });
    clients.push(made);
    return made;
  };
  const instance = async (method: 'POST' | 'DELETE', serviceName: string, port: number, more: object = {}): Promise<void> => {
    const query = new URLSearchParams({ serviceName, ip: '10.0.0.7', port: String(port), ephemeral: 'false', ...more });
    const answer = await fetch(`http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/instance?${query}`, { method });
    expect(answer.status).toBe(200);
  };
  const listed = async (serviceName: string): Promise<readonly ListedInstance[]> => {
    const answer = await fetch(`http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/instance/list?serviceName=${serviceName}`);
    return ((await answer.json()) as { readonly hosts: readonly ListedInstance[] }).hosts;
  };

  beforeAll(async () => {
    nacos = await borrowNacos2();
  }, 240_000);
  afterEach(async () => {
    await Promise.all(clients.map((one) => one.stop()));
    clients = [];
  });
  afterAll(async () => {
    await nacos?.giveBack();
  }, 60_000);

  test.each(['client', 'module'] as const)(
    'tells what it knows, watched by its %s, and its callers get what they got without',
    async (watched) => {
      const orders = service();
      await instance('POST', orders, 8081, { weight: '2.5', metadata: JSON.stringify({ zone: 'z1', protocol: 'grpc' }) });
      const [seen, plain] = [client(watched), client('no')];
      await Promise.all([seen.call('subscribe', orders, '@listener'), plain.call('subscribe', orders, '@listener')]);
      await until('it is told', () => seen.views.has(name(orders)));
      expect(seen.views.get(name(orders))).toEqual([
        { address: '10.0.0.7', port: 8081, weight: 2.5, healthy: true, zone: '/z1', protocol: 'grpc' },
      ]);
      await instance('POST', orders, 8082);
      await until('the second is told', () => seen.places(name(orders))?.length === 2);
      const told = async () => (await plain.call('getAllInstances', orders, 'DEFAULT_GROUP', 'DEFAULT')) as readonly unknown[];
      await until('so is the one that nobody watches', async () => (await told()).length === 2);
      for (const method of ['getAllInstances', 'selectInstances'])
        expect(await seen.call(method, orders, 'DEFAULT_GROUP', 'DEFAULT')).toEqual(
          await plain.call(method, orders, 'DEFAULT_GROUP', 'DEFAULT'),
        );
      expect(seen.bugs).toEqual([]);
    },
    60_000,
  );

  test('nacos-last-removal-missed: keeps the last instance when Nacos says that nobody is left', async () => {
    const orders = service();
    await instance('POST', orders, 8081);
    const seen = client('client');
    await seen.call('subscribe', orders, '@listener');
    await until('it is told', () => seen.places(name(orders))?.length === 1);
    await instance('DELETE', orders, 8081);
    await until('the bug is seen', () => seen.has('nacos-last-removal-missed', name(orders)));
    expect(await listed(orders)).toEqual([]);
    expect(seen.places(name(orders))).toEqual(['10.0.0.7:8081']); // what the SDK believes
  }, 60_000);

  test('nacos-caches-differ: subscribe and getAllInstances see different clusters', async () => {
    const orders = service();
    await instance('POST', orders, 8081);
    await instance('POST', orders, 8082, { clusterName: 'OTHER' });
    const seen = client('client');
    await seen.call('subscribe', orders, '@listener');
    expect(await seen.call('getAllInstances', orders)).toHaveLength(2);
    await until('the bug is seen', () => seen.has('nacos-caches-differ', name(orders)));
    expect(seen.places(name(orders))).toEqual(['10.0.0.7:8081', '10.0.0.7:8082']);
  }, 60_000);

  test('nacos-older-answer-taken: an answer that arrives late replaces a newer one', async () => {
    const orders = service();
    const read = async () =>
      (await fetch(`http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/instance/list?serviceName=${orders}`)).text();
    await instance('POST', orders, 8081);
    await until('it is listed', async () => (await listed(orders)).length === 1);
    const older = await read();
    await instance('POST', orders, 8082);
    await until('both are listed', async () => (await listed(orders)).length === 2);
    const seen = client('client');
    for (const answer of [await read(), older]) await seen.call('_hostReactor.processServiceJSON', answer);
    await until('the bug is seen', () => seen.has('nacos-older-answer-taken', name(orders)));
    expect(seen.places(name(orders))).toEqual(['10.0.0.7:8081']); // what the SDK believes
  }, 60_000);

  test('an instance that the provider registers warms up to its weight', async () => {
    const orders = service();
    const proxy = await HoldingProxy.start(nacos.ports.http);
    try {
      const seen = client('client', proxy.port);
      // The application's registration, the provider's, and its first share: those after it wait until that one was seen.
      let written = 0;
      proxy.treat = (method) => (method === 'POST' && (written += 1) > 3 ? 'hold' : 'pass');
      await seen.call('registerInstance', orders, { ip: '127.0.0.1', port: 8081, weight: 10 });
      await seen.call('provider.register');
      await until('it has little weight', async () => (await listed(orders)).some(({ weight }) => weight === 1));
      proxy.release();
      await until('it has all of it', async () => (await listed(orders)).some(({ weight }) => weight === 10));
    } finally {
      await proxy.stop();
    }
  }, 60_000);

  test('nacos-lookup-stuck: the second of two lookups of a service without instances fails after 30 s', async () => {
    const orders = service();
    const seen = client('module');
    const [first, second] = await Promise.allSettled([
      seen.call('getAllInstances', orders),
      seen.call('getAllInstances', orders),
    ]);
    expect(first).toEqual({ status: 'fulfilled', value: [] });
    expect(second).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringMatching(/^Timeout waiting for event/) },
    });
    expect(seen.has('nacos-lookup-stuck', name(orders))).toBe(true);
  });

  test('nacos-beat-too-late: an instance is unhealthy before its first beat; registered by the provider it has one at once', async () => {
    const orders = service();
    const metadata = { 'preserved.heart.beat.interval': '1000', 'preserved.heart.beat.timeout': '3000' };
    const seen = client('client');
    await seen.call('registerInstance', orders, { ip: '127.0.0.1', port: 8081, metadata });
    expect(seen.has('nacos-beat-too-late', name(orders))).toBe(true);
    await until('it is unhealthy', async () => (await listed(orders)).some(({ healthy }) => !healthy));
    await seen.call('provider.register');
    await until('it is healthy', async () => (await listed(orders)).some(({ healthy }) => healthy));
  }, 60_000);

  test('nacos-weight-zero-is-one: registers weight 0 as 1', async () => {
    const orders = service();
    const seen = client('client');
    await seen.call('registerInstance', orders, { ip: '127.0.0.1', port: 8081, weight: 0 });
    await until('it is listed', async () => (await listed(orders)).length === 1);
    expect(await listed(orders)).toMatchObject([{ weight: 1 }]);
    expect(seen.has('nacos-weight-zero-is-one', name(orders))).toBe(true);
  }, 60_000);

  test('nacos-polls-after-close: goes on polling a service that was looked up when it was closed', async () => {
    const orders = service();
    const seen = client('client');
    await seen.call('ready');
    await Promise.all([seen.call('getAllInstances', orders), seen.call('close')]);
    await until('the bug is seen', () => seen.has('nacos-polls-after-close', name(orders)));
  }, 60_000);

  test('nacos-password-in-url: sends user and password in the URL', async () => {
    const seen = client('module', nacos.ports.http, { username: 'shop', password: 'secret' });
    await until('the bug is seen', () => seen.has('nacos-password-in-url'));
  }, 60_000);

  test('nacos-beat-under-way: a beat that arrives late registers it again; not so when the provider leaves', async () => {
    const proxy = await HoldingProxy.start(nacos.ports.http);
    try {
      for (const leave of ['client', 'provider'] as const) {
        const orders = service();
        const seen = client('client', proxy.port);
        const own = { ip: '127.0.0.1', port: 8081 };
        await seen.call('registerInstance', orders, own);
        proxy.treat = (method, path) => (method === 'PUT' && path.includes('/instance/beat') ? 'hold' : 'pass');
        await until('its beat is under way', () => proxy.held === 1);
        if (leave === 'client') {
          await seen.call('deregisterInstance', orders, own);
          expect(seen.has('nacos-beat-under-way', name(orders))).toBe(true);
          await until('it is gone', async () => (await listed(orders)).length === 0);
          proxy.release();
          await until('it is back', async () => (await listed(orders)).length === 1);
        } else {
          const left = seen.call('provider.shutdown');
          proxy.release();
          expect(await left).toMatchObject({
            steps: [{ step: 'stop-beats' }, { step: 'deregister' }, { step: 'propagate' }, { step: 'drain' }],
          });
          expect(seen.bugs).toEqual([]);
          await until('it is gone', async () => (await listed(orders)).length === 0);
          await seen.call('ready'); // and nothing of it is under way that could bring it back
          expect(proxy.held).toBe(0);
        }
      }
    } finally {
      await proxy.stop();
    }
  }, 90_000);
});

import { until } from '@isthmus/model/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { startEureka } from '@isthmus/servers';
import type { EurekaServer } from '@isthmus/servers';
import { HoldingProxy } from './testing/holding-proxy.ts';
import { WatchedClient } from './testing/watched-client.ts';
import type { ClientOrder } from './testing/watched-client.ts';

/** Polls of the client; its own default is 30 s. */
const POLL_MS = 200;

describe.each([
  ['eureka-js-client', 'eureka-js-client'],
  ['its fork', '@rocketsoftware/eureka-js-client'],
])('%s, watched, at a Eureka', (_, module) => {
  let eureka: EurekaServer;
  let clients: WatchedClient[] = [];
  let services = 0;

  const service = (): string => `ORDERS${(services += 1)}`;
  const client = (
    watched: ClientOrder['watched'],
    more: object = {},
    top: object = {},
    port = eureka.ports.http,
  ): WatchedClient => {
    const instance = {
      app: 'CALLER',
      instanceId: 'caller-1',
      hostName: '127.0.0.1',
      ipAddr: '127.0.0.1',
      port: { $: 1, '@enabled': true },
      vipAddress: 'caller',
      dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    };
    const eurekaOptions = {
      host: '127.0.0.1',
      port,
      servicePath: '/eureka/apps/',
      registryFetchInterval: POLL_MS,
      maxRetries: 1,
      ...more,
    };
    const made = new WatchedClient({ kind: 'eureka', module, options: { instance, eureka: eurekaOptions, ...top }, watched });
    clients.push(made);
    return made;
  };
  const call = async (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`http://127.0.0.1:${eureka.ports.http}/eureka/apps/${path}`, {
      method,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const register = async (app: string, host: string): Promise<void> => {
    const instance = {
      ...{ app, instanceId: `${app}-${host}`, hostName: host, ipAddr: '10.0.0.7', vipAddress: app.toLowerCase(), status: 'UP' },
      port: { $: 8080 + Number(host.slice(1)), '@enabled': 'true' },
      dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
      leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 3600 },
      metadata: { zone: 'z1' },
    };
    expect((await call('POST', app, { instance })).status).toBe(204);
  };
  const deregister = async (app: string, host: string): Promise<void> => {
    expect((await call('DELETE', `${app}/${app}-${host}`)).status).toBe(200);
  };
  const found = async (seen: WatchedClient, app: string): Promise<readonly string[]> =>
    ((await seen.call('getInstancesByAppId', app)) as readonly { hostName: string }[]).map(({ hostName }) => hostName).sort(); // prettier-ignore
  const finds = (seen: WatchedClient, app: string, hosts: readonly string[]) => async (): Promise<boolean> =>
    String(await found(seen, app)) === String(hosts);

  beforeAll(async () => {
    // Deltas are forgotten soon, so that one can be missed.
    const properties = {
      'eureka.server.retention-time-in-m-s-in-delta-queue': '8000',
      'eureka.server.delta-retention-timer-interval-in-ms': '500',
      'eureka.server.response-cache-auto-expiration-in-seconds': '1',
    };
    eureka = await startEureka({ properties });
  }, 240_000);
  afterEach(async () => {
    await Promise.all(clients.map((one) => one.stop()));
    clients = [];
  });
  afterAll(async () => {
    await eureka?.stop();
  }, 60_000);

  const READS = { registerWithEureka: false, fetchRegistry: true };

  test.each(['client', 'module'] as const)(
    'tells what its process looks up, watched by its %s, and its callers get what they got without',
    async (watched) => {
      const orders = service();
      await register(orders, 'h1');
      const [seen, plain] = [client(watched, READS), client('no', READS)];
      await Promise.all([seen.call('start'), plain.call('start')]);
      await until('it is found', finds(seen, orders, ['h1']));
      await until('it is found without', finds(plain, orders, ['h1']));
      expect(await seen.call('getInstancesByAppId', orders)).toEqual(await plain.call('getInstancesByAppId', orders));
      expect(await seen.call('getInstancesByVipAddress', orders.toLowerCase())).toHaveLength(1);
      await until('it is told', () => seen.views.has(`eureka///${orders.toLowerCase()}`));
      expect(seen.views.get(`eureka///${orders.toLowerCase()}`)).toEqual([
        { address: '10.0.0.7', port: 8081, weight: 1, healthy: true, zone: '/z1', protocol: '' },
      ]);
      await register(orders, 'h2');
      await until('the second is told', () => seen.places(`eureka///${orders.toLowerCase()}`)?.length === 2);
      expect(await seen.call('getInstancesByAppId', '').catch((error: Error) => error.message)).toBe(
        await plain.call('getInstancesByAppId', '').catch((error: Error) => error.message),
      );
      await deregister(orders, 'h1');
      await deregister(orders, 'h2');
      await until('nobody is left', () => seen.places(`eureka///${orders.toLowerCase()}`)?.length === 0);
      expect(seen.bugs).toEqual([]);
    },
    60_000,
  );

  test('eureka-delta-hits-another: a delta that removes the last of its list removes the first', async () => {
    const orders = service();
    for (const host of ['h1', 'h2', 'h3']) await register(orders, host);
    const seen = client('client', READS, { shouldUseDelta: true });
    await seen.call('start');
    await until('all are found', finds(seen, orders, ['h1', 'h2', 'h3']));
    const listed = (await seen.call('getInstancesByAppId', orders)) as readonly { hostName: string }[];
    const last = listed.at(-1)?.hostName ?? '';
    await deregister(orders, last);
    await until('the bug is seen', () => seen.has('eureka-delta-hits-another', `eureka///${orders.toLowerCase()}`));
    expect(await found(seen, orders)).toContain(last); // who is dead is called, who is not is not
  }, 60_000);

  test('eureka-delta-keeps-down: an instance that is out of service stays in a list of those that are up', async () => {
    const orders = service();
    await register(orders, 'h1');
    const seen = client('module', READS, { shouldUseDelta: true });
    await seen.call('start');
    await until('it is found', finds(seen, orders, ['h1']));
    expect((await call('PUT', `${orders}/${orders}-h1/status?value=OUT_OF_SERVICE`)).status).toBe(200);
    await until('the bug is seen', () => seen.has('eureka-delta-keeps-down', `eureka///${orders.toLowerCase()}`));
    expect(await found(seen, orders)).toEqual(['h1']);
    await until('the view says so', () => seen.views.get(`eureka///${orders.toLowerCase()}`)?.[0]?.healthy === false);
    await deregister(orders, 'h1');
  }, 60_000);

  test('eureka-empty-ignored: keeps what it knew when nobody is registered any more, as older servers say it', async () => {
    const orders = service();
    await register(orders, 'h1');
    const proxy = await HoldingProxy.start(eureka.ports.http);
    try {
      const seen = client('client', READS, {}, proxy.port);
      await seen.call('start');
      await until('it is found', finds(seen, orders, ['h1']));
      proxy.treat = () => 'no-applications';
      await until('the bug is seen', () => seen.has('eureka-empty-ignored', `eureka///${orders.toLowerCase()}`));
      expect(await found(seen, orders)).toEqual(['h1']);
    } finally {
      await proxy.stop();
      await deregister(orders, 'h1');
    }
  }, 60_000);

  test('eureka-delta-drifts: what was in a delta that it missed is missed for good', async () => {
    const orders = service();
    await register(orders, 'h1');
    const proxy = await HoldingProxy.start(eureka.ports.http);
    try {
      const seen = client('client', READS, { shouldUseDelta: true }, proxy.port);
      await seen.call('start');
      await until('it is found', finds(seen, orders, ['h1']));
      proxy.treat = () => 'fail';
      await until('no delta is on its way that might have what comes', () => proxy.passing === 0);
      await register(orders, 'h2');
      await until('the delta is forgotten', async () => {
        const answer = (await (await call('GET', 'delta')).json()) as { applications: { application: unknown[] } };
        return answer.applications.application.length === 0;
      });
      proxy.release();
      await until('the bug is seen', () => seen.has('eureka-delta-drifts'));
      expect(await found(seen, orders)).toEqual(['h1']);
    } finally {
      await proxy.stop();
    }
  }, 60_000);

  test('eureka-back-after-stop: a renewal that arrives late registers it again; not so when the provider leaves', async () => {
    const proxy = await HoldingProxy.start(eureka.ports.http);
    const own = { registerWithEureka: true, fetchRegistry: false, heartbeatInterval: 100 };
    const isThere = async () => (await call('GET', 'CALLER/caller-1')).status === 200;
    try {
      for (const leave of ['client', 'provider'] as const) {
        const seen = client('client', own, {}, proxy.port);
        await seen.call('start');
        await until('it is registered', isThere);
        proxy.treat = (method) => (method === 'PUT' ? 'hold' : 'pass');
        await until('a renewal is under way', () => proxy.held > 0);
        if (leave === 'client') {
          await seen.call('stop');
          await until('it is gone', async () => !(await isThere()));
          proxy.release();
          await until('it is back', isThere);
          expect(seen.has('eureka-back-after-stop', 'eureka///caller')).toBe(true);
          expect((await call('DELETE', 'CALLER/caller-1')).status).toBe(200);
        } else {
          const left = seen.call('provider.shutdown');
          proxy.release();
          const steps = ['stop-beats', 'take-out', 'deregister', 'propagate', 'drain'].map((step) => ({
            step,
            ms: expect.any(Number),
          }));
          expect(await left).toEqual({ steps, cut: false, ended: 0 });
          expect(await isThere()).toBe(false);
          expect(seen.bugs).toEqual([]);
          await seen.call('provider.register');
          await until('it is registered again', isThere);
          const { instance } = (await (await call('GET', 'CALLER/caller-1')).json()) as { instance: { status: string } };
          expect(instance.status).toBe('UP');
        }
      }
    } finally {
      await proxy.stop();
    }
  }, 90_000);

  test('a process that ends before Eureka has answered its registration is not listed afterwards', async () => {
    const proxy = await HoldingProxy.start(eureka.ports.http);
    try {
      const seen = client('client', { registerWithEureka: true, fetchRegistry: false }, {}, proxy.port);
      proxy.treat = (method) => (method === 'POST' ? 'hold' : 'pass');
      await seen.call('start');
      await until('Eureka is asked', () => proxy.held === 1);
      const left = seen.call('provider.shutdown');
      // Where it deregisters now, it has done so by the time of other calls.
      for (const path of ['NOBODY', 'CALLER']) await fetch(`http://127.0.0.1:${proxy.port}/eureka/apps/${path}`);
      proxy.release();
      await left;
      await until('Eureka has answered', () => proxy.passing === 0);
      expect((await call('GET', 'CALLER/caller-1')).status).toBe(404);
      expect(await seen.call('heartbeat._destroyed')).toBe(true);
    } finally {
      await proxy.stop();
    }
  }, 60_000);
});

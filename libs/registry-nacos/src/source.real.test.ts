import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parseSourceId, systemClock } from '@isthmus/model';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { http, startNacos2, startNacos3 } from '@isthmus/servers';
import type { NacosServer } from '@isthmus/servers';
import { nacosConfigSchema } from './config.ts';
import { examineNacos } from './doctor.ts';
import { HttpClient } from './http.ts';
import { NacosLogin } from './login.ts';
import { serverAddress } from './server-address.ts';
import { NacosSource } from './source.ts';
import { NacosProvider } from './testing/provider.ts';
import { defaultTiming } from './timing.ts';

const id = parseSourceId('shop');
const deps = { clock: systemClock, random: () => 0.5, baseDir: '.' };
const auth = { username: 'reader', password: 'right-1' };
const DEADLINE = 30_000;

describe.each([
  [2, startNacos2],
  [3, startNacos3],
] as const)('on a real Nacos %i', (generation, start) => {
  let server: NacosServer;
  let provider: NacosProvider;
  let token: string | undefined;
  const views: Collector[] = [];
  const config = (change: Record<string, unknown> = {}) =>
    nacosConfigSchema.parse({
      name: id,
      kind: 'nacos',
      servers: [`http://127.0.0.1:${server.ports.http}`],
      listInterval: '1s',
      auth: { username: auth.username, passwordEnv: 'ISTHMUS_TEST_RIGHT' },
      ...change,
    });
  const watch = (change?: Record<string, unknown>): Collector => {
    const view = collect(new NacosSource(id, config(change), deps, { ...defaultTiming, groupsEvery: 1_000 }));
    views.push(view);
    return view;
  };
  const live = (view: Collector, group: string) =>
    view.until(`${group} live`, (v) => v.status({ source: id, namespace: 'public', group })?.state === 'live', DEADLINE);

  beforeAll(async () => {
    process.env['ISTHMUS_TEST_RIGHT'] = auth.password;
    server = await start({ auth });
    const client = new HttpClient(1024 * 1024);
    const login = new NacosLogin(
      { username: auth.username, passwordEnv: 'ISTHMUS_TEST_RIGHT' },
      '.',
      client,
      systemClock,
      20_000,
    );
    const address = serverAddress(`http://127.0.0.1:${server.ports.http}`, 1_000);
    await login.ensure(address, new AbortController().signal);
    client.close();
    token = login.current(address);
    provider = new NacosProvider({ address: address.grpc, token });
    await provider.connect();
    await provider.provide({ name: 'orders', instances: [{ ip: '10.0.0.1', port: 80 }] });
    await provider.provide({ group: 'SHOP', name: 'pay', instances: [{ ip: '10.0.0.2', port: 80, clusterName: 'HZ' }] });
  }, 180_000);
  afterEach(async () => {
    await Promise.all(views.splice(0).map((view) => view.stop()));
  });
  afterAll(async () => {
    provider?.close();
    await server?.stop();
  }, 60_000);

  test(
    'all groups are found, those that come later too',
    async () => {
      const view = watch();
      await live(view, 'SHOP');
      expect(view.endpoints('pay')[0]).toMatchObject({ address: '10.0.0.2', cluster: 'HZ' });
      await provider.provide({ group: 'LATE', name: 'late', instances: [{ ip: '10.0.0.3', port: 80 }] });
      await live(view, 'LATE');
      await view.until('late', (v) => v.has('late'), DEADLINE);
    },
    DEADLINE * 3,
  );

  if (generation === 3) {
    test(
      'a new service is seen by fuzzy watch, without a listing',
      async () => {
        const view = watch({ groups: ['DEFAULT_GROUP'], listInterval: '1h' });
        await live(view, 'DEFAULT_GROUP');
        await provider.provide({ name: 'hinted', instances: [{ ip: '10.0.0.4', port: 80 }] });
        await view.until('hinted', (v) => v.has('hinted'), DEADLINE);
      },
      DEADLINE * 3,
    );
  }

  test(
    'the protection threshold does not make unhealthy instances healthy',
    async () => {
      await provider.provide({
        name: 'guarded',
        instances: [
          { ip: '10.0.3.1', port: 80 },
          { ip: '10.0.3.2', port: 80, healthy: false },
          { ip: '10.0.3.3', port: 80, healthy: false },
        ],
      });
      const query = new URLSearchParams({
        serviceName: 'guarded',
        groupName: 'DEFAULT_GROUP',
        namespaceId: 'public',
        protectThreshold: '0.6',
        accessToken: token ?? '',
      });
      const answer = await http(server.ports.http, `/nacos/v1/ns/service?${query}`, { method: 'PUT' });
      expect([answer.status, answer.body]).toEqual([200, 'ok']);
      const view = watch({ groups: ['DEFAULT_GROUP'] });
      await live(view, 'DEFAULT_GROUP');
      expect(view.endpoints('guarded').map((endpoint) => endpoint.health)).toEqual(['healthy', 'unhealthy', 'unhealthy']);
    },
    DEADLINE * 3,
  );

  test(
    'a connection that only listens stays registered beyond the 20 s after which Nacos asks, and hears pushes',
    async () => {
      const view = watch({ groups: ['DEFAULT_GROUP'], listInterval: '1h' });
      await live(view, 'DEFAULT_GROUP');
      const end = Date.now() + 30_000;
      await view.until('30 s have passed', () => Date.now() > end, 60_000);
      await provider.provide({ name: 'orders', instances: [{ ip: '10.0.0.9', port: 80 }] });
      await view.until('the push', (v) => v.endpoints('orders')[0]?.address === '10.0.0.9', DEADLINE);
      expect(view.events.filter((event) => event.kind === 'status').map((event) => event.status.state)).toEqual([
        'syncing',
        'live',
      ]);
    },
    DEADLINE * 4,
  );

  test(
    'doctor names the version, the login and the groups',
    async () => {
      const findings = await examineNacos(id, config(), deps, new AbortController().signal);
      const said = findings.map(({ level, what }) => `${level}: ${what}`).join('\n');
      expect(said).toMatch(/ok: login as "reader"/);
      expect(said).toMatch(/services in public\/SHOP/);
      expect(said).toMatch(generation === 3 ? /ok: Nacos 3/ : /ok: Nacos 2/);
      expect(said).not.toContain('error');
    },
    DEADLINE,
  );
});

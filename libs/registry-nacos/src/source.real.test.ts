import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parseSourceId, systemClock } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
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
const V1_CLIENTS = 'nacos.core.api.compatibility.client.enabled';

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
    // As Nacos 3 comes: what old clients speak is off.
    server = await start({ auth, ...(generation === 3 ? { properties: { [V1_CLIENTS]: 'false' } } : {}) });
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

  test(
    'a service of one name in two namespaces is two, each with its own instances, and pushes are told apart',
    async () => {
      const { grpc } = serverAddress(`http://127.0.0.1:${server.ports.http}`, 1_000);
      const tenant = new NacosProvider({ address: grpc, token, namespace: 'tenant-a' });
      await tenant.connect();
      try {
        const provide = (ip: string) => tenant.provide({ name: 'twin', instances: [{ ip, port: 80 }] });
        await provider.provide({ name: 'twin', instances: [{ ip: '10.0.5.1', port: 80 }] });
        await provide('10.0.6.1');
        const view = watch({ namespaces: ['public', 'tenant-a'], groups: ['DEFAULT_GROUP'], listInterval: '1h' });
        const twins = () =>
          [...view.services.values()]
            .filter(({ key }) => key.name === 'twin')
            .map(({ key, endpoints }) => `${key.namespace} ${endpoints[0]?.address}`)
            .sort();
        await view.until('both', () => twins().join() === 'public 10.0.5.1,tenant-a 10.0.6.1', DEADLINE);
        await provide('10.0.6.2');
        await view.until('the push', () => twins().join() === 'public 10.0.5.1,tenant-a 10.0.6.2', DEADLINE);
      } finally {
        tenant.close();
        await provider.provide({ name: 'twin', instances: [] });
      }
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

  test(
    'doctor names a wrong password, missing rights, a group and a namespace with nothing in them, and a clock that is off',
    async () => {
      const complaints = async (change: Record<string, unknown>, clock: Clock = systemClock) => {
        const found = await examineNacos(id, config(change), { ...deps, clock }, new AbortController().signal);
        const bad = found.filter(({ level }) => level !== 'ok');
        return bad.map(({ level, what, remedy }) => `${level}: ${what} -> ${remedy}`).join('\n');
      };
      process.env['ISTHMUS_TEST_WRONG'] = 'wrong-1';
      const wrong = { username: auth.username, passwordEnv: 'ISTHMUS_TEST_WRONG' };
      expect(await complaints({ auth: wrong })).toMatch(/^error: .*login as "reader" .* was refused.* -> /);
      expect(await complaints({ auth: undefined, groups: ['DEFAULT_GROUP'] })).toMatch(/^error: .*-> give the user a role/);
      expect(await complaints({ groups: ['shop'] })).toMatch(/^warning: 0 services in public\/shop -> .*case-sensitive/);
      expect(await complaints({ namespaces: ['prod'], groups: ['SHOP'] })).toMatch(
        /^warning: 0 services in prod\/SHOP -> .*not its name/,
      );
      const late = { now: () => systemClock.now() + 120_000 };
      expect(await complaints({ groups: ['SHOP'] }, late)).toMatch(/^warning: the clock of .* is 1[12]\d s behind ours -> .*NTP/);
      if (generation === 3) expect(await complaints({ api: 'http' })).toMatch(/^error: .*v1 API switched off.* -> use api: auto/);
      else expect(await complaints({ api: 'http' })).toBe('');
    },
    DEADLINE * 3,
  );
});

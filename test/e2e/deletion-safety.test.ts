import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type {
  ConflictView,
  DiagnosticList,
  EndpointView,
  ExplainAnswer,
  HeldView,
  ItemList,
  ServiceDetail,
  SourceView,
} from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { startConsul, startEurekaCluster } from '@isthmus/servers';
import type { ConsulServer, EurekaServer } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';
import { EurekaClient } from './support/eureka-client.ts';
import { XdsView } from './support/xds-view.ts';

const CDS = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

/** docs/adr/0011-deletion-safety.md and docs/mapping.md, on real servers and the built bridge. */
describe('deletion safety on a real Consul', () => {
  let consul: ConsulServer;
  let bridge: BridgeProcess;

  const call = async (path: string, body?: object): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${consul.ports.http}/v1/agent/service/${path}`, {
      method: 'PUT',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  };
  const register = (name: string, port: number, meta: Record<string, string> = {}) =>
    call('register', { ID: `${name}-${port}`, Name: name, Address: '127.0.0.1', Port: port, Meta: meta });
  const endpoints = async (name: string) => (await bridge.get<ItemList<EndpointView>>(`endpoints?host=${name}.dc1.consul`)).items;
  const source = async () => (await bridge.get<ItemList<SourceView>>('sources')).items.find((s) => s.namespace === 'dc1');
  const held = async () => (await bridge.get<ItemList<HeldView>>('held')).items[0];
  const services = Array.from({ length: 16 }, (_, n) => `s${n}`);
  const alive = async () => (await Promise.all(services.map(endpoints))).filter((list) => list.length > 0).length;

  beforeAll(async () => {
    consul = await startConsul();
    for (const [n, name] of services.entries()) await register(name, 9_000 + n);
    await register('a_b', 9_100);
    await register('a-b', 9_101);
    await register('tenant-web', 9_200, { app_version: 'v7', az: 'eu-1', protocol: 'tri' });
    bridge = await BridgeProcess.start([{ name: 'hq', kind: 'consul', servers: [`http://127.0.0.1:${consul.ports.http}`] }], {
      guard: { confirmAfter: '1h' },
      ledger: { maxAge: '1m' },
      merge: {
        hosts: [{ services: '*/*_b', host: 'a-b.dc1.consul' }],
        labels: { rename: { app_version: 'version' } },
        locality: { zone: ['az'], defaults: [{ services: 'hq/*', locality: 'eu' }] },
        weights: [{ services: '*/tenant-*', scale: 0.5 }],
        servicePorts: [{ services: '*/tenant-*', ports: { grpc: 9_090 } }],
        namespaces: [{ services: '*/tenant-*', namespace: 'tenant', exportTo: ['.', 'web'] }],
      },
    });
  }, 300_000);

  afterAll(async () => {
    await bridge?.close();
    await consul?.stop();
  });

  test('rules map what the registry says, and explain says which rule did what', async () => {
    const detail = await bridge.get<ServiceDetail>('services/tenant-web.dc1.consul');
    expect(detail).toMatchObject({
      namespace: 'tenant',
      exportTo: ['.', 'web'],
      ports: [{ number: 9_090, name: 'grpc-9090' }],
      endpoints: [{ weight: 0.5, locality: 'eu/eu-1', labels: { version: 'v7' }, ageMs: 0 }],
    });
    const { matches } = await bridge.get<ExplainAnswer>('explain?q=tenant-web');
    expect(matches[0]?.merge.rules).toEqual(['merge.namespaces[0]: namespace tenant', 'merge.servicePorts[0]']);
    expect(matches[0]?.origins[0]?.rules).toEqual([
      'merge.labels: app_version is version (1 endpoint)',
      'merge.locality: read from the metadata (1 endpoint)',
      'merge.weights[0]: weight × 0.5 (1 endpoint)',
    ]);
    expect(matches[0]?.origins[0]?.endpoints[0]?.metadata).toMatchObject({ app_version: 'v7' });
    const exported = await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/export?format=istio`).then((a) => a.text());
    expect(exported).toMatch(/exportTo:\s+- "\."\s+- web/);
  });

  test.each([
    ['tenant', true],
    ['web', true],
    ['elsewhere', false],
  ])('a proxy of namespace %s is told of a host that is exported to web and its own: %s', async (namespace, told) => {
    const view = new XdsView([CDS]);
    try {
      view.connect(bridge.ports.xds, `sidecar~127.0.0.1~app.${namespace}~${namespace}.svc.cluster.local`);
      await until('it was answered', () => view.answered.size === 1);
      expect(view.names(CDS)).toContain('outbound|80||a-b.dc1.consul');
      expect(view.names(CDS).some((name) => name.endsWith('|tenant-web.dc1.consul'))).toBe(told);
    } finally {
      view.close();
    }
  });

  test('two names that look the same as hosts are a conflict that names both keys', async () => {
    const { items } = await bridge.get<ItemList<{ host: string; winner: string; losers: string[] }>>('conflicts');
    expect(items).toMatchObject([{ host: 'a-b.dc1.consul', winner: 'hq/dc1//a_b', losers: ['hq/dc1//a-b'] }]);
  });

  test('a storm of single deregistrations is held from the half on; what is held is seen, and survives a kill -9', async () => {
    expect(await alive()).toBe(16);
    for (const name of services) {
      const before = (await held())?.removing ?? 0;
      await call(`deregister/${name}-${9_000 + services.indexOf(name)}`);
      // One after the other, each seen before the next.
      await until(`${name} is taken notice of`, async () => {
        const now = await held();
        return now === undefined
          ? (await endpoints(name)).length === 0
          : now.removing > before || (await endpoints(name)).length === 0;
      });
    }
    const left = await alive();
    expect(left).toBeGreaterThanOrEqual(6);
    expect(await held()).toMatchObject({
      removing: left,
      services: expect.arrayContaining([expect.stringMatching(/^hq\/dc1\/\/s/)]),
    });
    const retained = (await endpoints('s15'))[0]?.retained;
    expect(retained).toMatchObject({ why: 'mass' });
    expect(retained?.goesInMs).toBeGreaterThan(3_000_000);
    await bridge.end('SIGKILL');
    await bridge.run();
    await until('it is live again', async () => (await source())?.state === 'live');
    expect(await alive()).toBe(left);
    expect(await held()).toMatchObject({ removing: left });
  }, 120_000);

  test('ages, held endpoints and states are in the metrics', async () => {
    const text = await fetch(`http://127.0.0.1:${bridge.ports.control}/metrics`).then((answer) => answer.text());
    expect(text).toMatch(/isthmus_scope_age_seconds\{source="hq",namespace="dc1".*\} 0/);
    expect(text).toMatch(new RegExp(`isthmus_source_held_endpoints\\{source="hq".*\\} ${(await held())?.removing}`));
    expect(text).toMatch(/isthmus_source_damped_endpoints\{/);
    expect(text).toMatch(/isthmus_tombstones/);
  });

  test('a registry that is gone is stale with an age that goes on over a restart, and loses nothing', async () => {
    const left = await alive();
    await consul.kill();
    await until('it is stale', async () => (await source())?.state === 'stale');
    const since = (await source())?.since ?? 0;
    await bridge.end('SIGKILL');
    await bridge.run();
    const after = await source();
    expect(after?.state).toBe('stale');
    expect(Math.abs((after?.since ?? 0) - since)).toBeLessThan(5_000);
    expect(after?.ageMs).toBeGreaterThan(0);
    expect(await alive()).toBe(left);
  }, 120_000);

  test('an operator lets go what is held', async () => {
    const scope = (await held())?.scope ?? '';
    const answer = await bridge.post(`held/${encodeURIComponent(scope)}/release`, await bridge.adminToken());
    expect(answer.status).toBe(200);
    await until('it is gone', async () => (await alive()) === 0);
    const { counts } = await bridge.get<DiagnosticList>('diagnostics');
    expect(counts['removal.held']).toBeUndefined();
  });
});

describe('what a file declares', () => {
  let directory: string;
  let bridge: BridgeProcess;
  const file = (text: string) => writeFile(join(directory, 'services.yaml'), text);
  const service = (host: string, more = '') =>
    `  - { host: ${host}, endpoints: [{ address: 10.20.0.5, port: 8080 }]${more === '' ? '' : `, ${more}`} }\n`;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-file-'));
    await file(
      `services:\n${service('a.mesh', 'address: 10.96.0.7, meshNamespace: shop, exportTo: [web]')}${service('b.mesh', 'address: 10.96.0.7')}`,
    );
    bridge = await BridgeProcess.start([{ name: 'fixed', kind: 'file', path: join(directory, 'services.yaml') }]);
  }, 120_000);
  afterAll(async () => {
    await bridge?.close();
    await rm(directory, { recursive: true, force: true });
  });

  test('its addresses and namespaces are honoured, and an address that two hosts declare is a conflict in sight', async () => {
    expect(await bridge.get<ServiceDetail>('services/a.mesh')).toMatchObject({
      vip: '10.96.0.7',
      namespace: 'shop',
      exportTo: ['web'],
    });
    expect((await bridge.get<ServiceDetail>('services/b.mesh')).vip).toMatch(/^240\.241\./);
    const conflicts = (await bridge.get<ItemList<ConflictView>>('conflicts')).items;
    expect(conflicts).toMatchObject([{ host: 'b.mesh', reason: expect.stringContaining('10.96.0.7') }]);
    const { counts } = await bridge.get<DiagnosticList>('diagnostics');
    expect(counts['vip.conflict']).toBe(1);
    await file(`services:\n${service('b.mesh', 'address: 10.96.0.7')}`);
    await until('b has its address', async () => (await bridge.get<ServiceDetail>('services/b.mesh')).vip === '10.96.0.7');
  });

  test('a file that is emptied is doubted for a while when several services were in it', async () => {
    await file(`services:\n${service('b.mesh')}${service('c.mesh')}`);
    await until('both are there', async () => (await bridge.get<ItemList<EndpointView>>('endpoints')).items.length === 2);
    await file('services: []\n');
    await until(
      'it is seen to be empty',
      async () => (await bridge.get<ItemList<SourceView>>('sources')).items[0]?.emptyMs !== undefined,
    );
    expect((await bridge.get<ItemList<SourceView>>('sources')).items[0]).toMatchObject({ state: 'live', held: 2 });
    expect((await bridge.get<ItemList<EndpointView>>('endpoints')).items.map((e) => e.retained?.why)).toEqual(['mass', 'mass']);
    await until('both are gone', async () => (await bridge.get<ItemList<EndpointView>>('endpoints')).items.length === 0, 60_000);
  }, 90_000);
});

describe('registrations that two real Eureka servers number', () => {
  let servers: EurekaServer[];
  beforeAll(async () => {
    servers = await startEurekaCluster(2);
  }, 300_000);
  afterAll(async () => {
    await Promise.all(servers?.map((server) => server.stop()) ?? []);
  });

  const dirtyAt = async ({ ports }: EurekaServer): Promise<number | undefined> => {
    const answer = await fetch(`http://127.0.0.1:${ports.http}/eureka/apps/ORDERS`, { headers: { accept: 'application/json' } });
    if (answer.status === 404) return undefined;
    const body = (await answer.json()) as { application: { instance: { lastDirtyTimestamp: string }[] } };
    return Number(body.application.instance[0]?.lastDirtyTimestamp);
  };

  test('have one number at both, and a greater one when a client that sends none registers again', async () => {
    const [first, second] = servers as [EurekaServer, EurekaServer];
    const client = new EurekaClient(first.ports.http);
    await client.register('orders', 8080);
    await until('both have it', async () => (await dirtyAt(first)) !== undefined && (await dirtyAt(second)) !== undefined);
    const before = (await dirtyAt(first)) ?? 0;
    expect(await dirtyAt(second)).toBe(before);
    await client.deregister('orders', 8080);
    await until('it is gone', async () => (await dirtyAt(first)) === undefined);
    await client.register('orders', 8080);
    await until('it is there again', async () => (await dirtyAt(first)) !== undefined);
    expect(await dirtyAt(first)).toBeGreaterThan(before);
  }, 60_000);
});

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ConflictView, ItemList, ServiceView, SourceView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowNacos2, startNacos2 } from '@isthmus/servers';
import type { Borrowed, NacosPorts, NacosServer } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';

const HOST = 'orders.default-group.public.nacos';

/** Two clusters and a tenant of one of them, all with a service of the same name (higress#1400, higress#1700). */
describe('several registries of one kind', () => {
  let east: NacosServer;
  let west: Borrowed<NacosPorts>;
  let bridge: BridgeProcess;

  const call = async (
    server: { readonly ports: NacosPorts },
    method: string,
    path: string,
    fields: Record<string, string>,
  ): Promise<void> => {
    const url = `http://127.0.0.1:${server.ports.http}/nacos/v1/${path}?${new URLSearchParams(fields)}`;
    const answer = await fetch(url, { method });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  };
  const register = (server: { readonly ports: NacosPorts }, ip: string, namespaceId = 'public') =>
    call(server, 'POST', 'ns/instance', { serviceName: 'orders', ip, port: '8080', ephemeral: 'false', namespaceId });
  const registries = () => [
    { name: 'east', kind: 'nacos', servers: [`http://127.0.0.1:${east.ports.http}`] },
    { name: 'tenant', kind: 'nacos', servers: [`http://127.0.0.1:${east.ports.http}`], namespaces: ['tenant-a'] },
    { name: 'west', kind: 'nacos', servers: [`http://127.0.0.1:${west.ports.http}`] },
  ];
  const addresses = async (host: string): Promise<readonly string[]> => {
    const { items } = await bridge.get<ItemList<{ host: string; address: string }>>('endpoints');
    return items.filter((item) => item.host === host).map((item) => item.address);
  };
  const has = (host: string, ...wanted: readonly string[]) =>
    until(`${host} has ${wanted.join()}`, async () => (await addresses(host)).join() === wanted.join());
  const states = async () => {
    const { items } = await bridge.get<ItemList<SourceView>>('sources');
    return Object.fromEntries(items.map(({ source, state }) => [source, state]));
  };

  beforeAll(async () => {
    [east, west] = await Promise.all([startNacos2(), borrowNacos2()]);
    await register(east, '10.1.0.1');
    await register(east, '10.2.0.1', 'tenant-a');
    await register(west, '10.3.0.1');
    bridge = await BridgeProcess.start(registries(), { merge: { precedence: ['west'] } });
  }, 300_000);

  afterAll(async () => {
    await bridge?.close();
    await Promise.all([east?.stop(), west?.giveBack()]);
  }, 60_000);

  test('a service of two registries under one host is the first one’s by precedence, and the conflict is visible', async () => {
    await has(HOST, '10.3.0.1');
    await has('orders.default-group.tenant-a.nacos', '10.2.0.1');
    const { items } = await bridge.get<ItemList<ConflictView>>('conflicts');
    expect(items).toMatchObject([
      { host: HOST, winner: 'west/public/DEFAULT_GROUP/orders', losers: ['east/public/DEFAULT_GROUP/orders'] },
    ]);
    const { stdout } = await startCli(['doctor', '-c', 'isthmus.yaml'], { cwd: bridge.directory }).ended;
    expect(stdout).toContain(
      `! ${HOST} is claimed by several: west/public/DEFAULT_GROUP/orders is published, east/public/DEFAULT_GROUP/orders left out`,
    );
  });

  test('with a rule each has a host of its own, taken over while the bridge runs', async () => {
    const merge = { hosts: [{ services: '*/*/*/*', host: '{name}.{namespace}.{source}.mesh' }] };
    await bridge.configure(registries(), { merge });
    await has('orders.public.west.mesh', '10.3.0.1');
    await has('orders.public.east.mesh', '10.1.0.1');
    await has('orders.tenant-a.tenant.mesh', '10.2.0.1');
    const { items } = await bridge.get<ItemList<ConflictView>>('conflicts');
    expect(items).toEqual([]);
  });

  test('one that is down leaves the others alone: they stay live and their changes come', async () => {
    await until('all live', async () => Object.values(await states()).every((state) => state === 'live'));
    await east.kill();
    await until('stale', async () => {
      const { east: one, tenant, west: other } = await states();
      return one === 'stale' && tenant === 'stale' && other === 'live';
    });
    await register(west, '10.3.0.2');
    await has('orders.public.west.mesh', '10.3.0.1', '10.3.0.2');
    expect(await addresses('orders.public.east.mesh')).toEqual(['10.1.0.1']);
    expect((await bridge.get<ItemList<ServiceView>>('services')).items).toHaveLength(3);
  });
});

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ItemList, ServiceView, SourceView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowEureka, startConsul, startNacos2 } from '@isthmus/servers';
import type { Borrowed, ConsulServer, EnvoyServer, EurekaPorts, NacosServer } from '@isthmus/servers';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { shares } from './support/egress.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';
import { EurekaClient } from './support/eureka-client.ts';

const HOSTS = ['orders.default-group.public.nacos', 'inventory.dc1.consul', 'payments.eureka'] as const;

/** Weights 3 and 1 in every registry; the shares over 1,000 calls stay within 5 points of that. */
describe('three registries, one bridge, one Envoy', () => {
  let nacos: NacosServer;
  let consul: ConsulServer;
  let eureka: Borrowed<EurekaPorts>;
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;
  const backends = new Map<string, readonly [Backend, Backend]>();

  const call = async (method: string, url: string, body?: object): Promise<void> => {
    const answer = await fetch(url, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
  };
  const registerNacos = (port: number, weight: number) => {
    const query = new URLSearchParams({
      serviceName: 'orders',
      ip: '127.0.0.1',
      port: String(port),
      weight: String(weight),
      ephemeral: 'false',
      metadata: JSON.stringify({ zone: 'az-1' }),
    });
    return call('POST', `http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/instance?${query}`);
  };
  const registerConsul = (port: number, weight: number) =>
    call('PUT', `http://127.0.0.1:${consul.ports.http}/v1/agent/service/register`, {
      ID: `inventory-${port}`,
      Name: 'inventory',
      Address: '127.0.0.1',
      Port: port,
      Weights: { Passing: weight, Warning: 1 },
    });

  beforeAll(async () => {
    [nacos, consul, eureka] = await Promise.all([startNacos2(), startConsul(), borrowEureka()]);
    for (const host of HOSTS) backends.set(host, await Promise.all([Backend.start(`${host} a`), Backend.start(`${host} b`)]));
    const client = new EurekaClient(eureka.ports.http);
    const ports = (host: string) => (backends.get(host) ?? []).map((b) => b.port) as [number, number];
    const [orders, inventory, payments] = HOSTS.map(ports) as [[number, number], [number, number], [number, number]];
    await registerNacos(orders[0], 3);
    await registerNacos(orders[1], 1);
    await registerConsul(inventory[0], 3);
    await registerConsul(inventory[1], 1);
    await client.register('payments', payments[0], { metadata: { weight: '3' } });
    await client.register('payments', payments[1], { metadata: { weight: '1' } });
    bridge = await BridgeProcess.start([
      { name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${nacos.ports.http}`] },
      { name: 'hq', kind: 'consul', servers: [`http://127.0.0.1:${consul.ports.http}`] },
      { name: 'old', kind: 'eureka', servers: [`http://127.0.0.1:${eureka.ports.http}/eureka`], pollInterval: '500ms' },
    ]);
    envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC');
  }, 600_000);

  afterAll(async () => {
    await envoy?.stop();
    await bridge?.close();
    await Promise.all([nacos?.stop(), consul?.stop(), eureka?.giveBack()]);
    await Promise.all([...backends.values()].flat().map((b) => b.stop()));
  }, 60_000);

  test('every scope is live', async () => {
    await until('all are live', async () => {
      const { items } = await bridge.get<ItemList<SourceView>>('sources');
      return items.length === 3 && items.every((s) => s.state === 'live');
    });
  });

  test('the hosts are those that users of Higress and Nacos have', async () => {
    const { items } = await bridge.get<ItemList<ServiceView>>('services');
    expect(
      items
        .map((s) => s.host)
        .filter((host) => !host.startsWith('consul.'))
        .sort(),
    ).toEqual([...HOSTS].sort());
  });

  test.each(HOSTS)('%s: 1,000 calls are shared as the registry weighs them', async (host) => {
    const [a, b] = backends.get(host) ?? [];
    await until('both are in Envoy', async () => (await hostsOf(envoy, `outbound|80||${host}`)).length === 2);
    const counts = await shares(envoy.ports.egress, host, 1_000);
    expect([...counts.keys()].sort()).toEqual([a?.name, b?.name]);
    expect(counts.get(a?.name ?? '')).toBeGreaterThanOrEqual(700);
    expect(counts.get(a?.name ?? '')).toBeLessThanOrEqual(800);
  });

  test('two of three registries down: everything goes on being served', async () => {
    await Promise.all([nacos.kill(), consul.kill()]);
    await until(
      'both are stale',
      async () => (await bridge.get<ItemList<SourceView>>('sources')).items.filter((s) => s.state === 'stale').length === 2,
    );
    for (const host of HOSTS) expect((await shares(envoy.ports.egress, host, 40)).size).toBe(2);
  });
});

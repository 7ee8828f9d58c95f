import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ExplainAnswer, ItemList, ProxyView, SourceView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { startEureka } from '@isthmus/servers';
import type { EnvoyServer, EurekaServer } from '@isthmus/servers';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { callEgress, shares } from './support/egress.ts';
import { hostsOf, startSidecar, statOf } from './support/envoy.ts';
import { EurekaClient } from './support/eureka-client.ts';

const HOST = 'payments.eureka';
const CLUSTER = `outbound|80||${HOST}`;

describe.each(['GRPC', 'DELTA_GRPC'] as const)('registry → bridge → Envoy over %s', (api) => {
  let eureka: EurekaServer;
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;
  let client: EurekaClient;
  const backends: Backend[] = [];

  const backend = async (name: string): Promise<Backend> => {
    const started = await Backend.start(name);
    backends.push(started);
    return started;
  };

  beforeAll(async () => {
    eureka = await startEureka();
    client = new EurekaClient(eureka.ports.http);
    bridge = await BridgeProcess.start([
      {
        name: 'old',
        kind: 'eureka',
        servers: [`http://127.0.0.1:${eureka.ports.http}/eureka`],
        pollInterval: '200ms',
        restartGrace: '2s',
      },
    ]);
    envoy = await startSidecar(bridge.ports.xds, api);
  }, 180_000);

  afterAll(async () => {
    await envoy?.stop();
    await bridge?.close();
    await eureka?.stop();
    await Promise.all(backends.map((b) => b.stop()));
  }, 60_000);

  test('a host that no registry has is answered by the mesh, and says how to find out', async () => {
    await until(
      'the egress listener serves its route',
      async () => (await callEgress(envoy.ports.egress, 'nobody.test')).status === 502,
    );
    expect((await callEgress(envoy.ports.egress, 'nobody.test')).body).toContain('isthmus explain');
  });

  test('calls reach what the registry lists, in the shares of its weights, and nothing else', async () => {
    const [a, b, sick, off, zero] = await Promise.all(['a', 'b', 'sick', 'off', 'zero'].map(backend));
    await client.register('payments', a?.port ?? 0, { metadata: { weight: '3', zone: 'az-1' } });
    await client.register('payments', b?.port ?? 0, { metadata: { weight: '1', zone: 'az-2' } });
    await client.register('payments', sick?.port ?? 0, { status: 'DOWN' });
    await client.register('payments', off?.port ?? 0, { status: 'OUT_OF_SERVICE' });
    await client.register('payments', zero?.port ?? 0, { metadata: { weight: '0' } });
    await until('both instances are in Envoy', async () => (await hostsOf(envoy, CLUSTER)).length === 2);
    await until('and the route to them', async () => (await callEgress(envoy.ports.egress, HOST)).status === 200);
    const counts = await shares(envoy.ports.egress, HOST, 1_000);
    expect([...counts.keys()].sort()).toEqual(['a', 'b']);
    expect(counts.get('a')).toBeGreaterThan(700);
    expect(counts.get('a')).toBeLessThan(800);
    const clusters = await (await fetch(`http://127.0.0.1:${envoy.ports.admin}/clusters`)).text();
    expect(clusters).toContain(`${CLUSTER}::127.0.0.1:${a?.port}::zone::az-1`);
    expect(clusters).toContain(`${CLUSTER}::127.0.0.1:${b?.port}::zone::az-2`);
  });

  test('a deregistered instance leaves Envoy, and no call is made to it any more', async () => {
    const [a, b] = backends;
    await client.deregister('payments', a?.port ?? 0);
    await until('it has left Envoy', async () => (await hostsOf(envoy, CLUSTER)).join() === `127.0.0.1:${b?.port}`);
    expect([...(await shares(envoy.ports.egress, HOST, 50)).keys()]).toEqual(['b']);
  });

  test('the last instance of a service leaves a 502 or 503, and no other answer', async () => {
    const last = await backend('last');
    const rare = async () => callEgress(envoy.ports.egress, 'rare.eureka');
    await client.register('rare', last.port);
    await until('it is called', async () => (await rare()).body === 'last');
    await client.deregister('rare', last.port);
    const seen = new Set<number>();
    await until('it is called no more', async () => {
      const { status } = await rare();
      seen.add(status);
      return status !== 200;
    });
    await until('Envoy has none of it', async () => (await hostsOf(envoy, 'outbound|80||rare.eureka')).length === 0);
    for (let call = 0; call < 50; call += 1) seen.add((await rare()).status);
    expect([...seen].filter((status) => ![200, 502, 503].includes(status))).toEqual([]);
    expect([502, 503]).toContain((await rare()).status);
  });

  test('explain says where it comes from and what was left out', async () => {
    const answer = await bridge.get<ExplainAnswer>('explain?q=payments');
    expect(answer.matches).toMatchObject([{ host: HOST, origins: [{ service: 'old///payments', state: 'live' }] }]);
    expect(answer.matches[0]?.leftOut.map((l) => l.reason).sort()).toEqual([
      'disabled at the registry',
      'unhealthy at the registry',
      'weight 0',
    ]);
    const byAddress = await bridge.get<ExplainAnswer>(`explain?q=127.0.0.1:${backends[1]?.port}`);
    expect(byAddress.matches.map((m) => m.host)).toEqual([HOST]);
  });

  test('Envoy acknowledged everything and rejected nothing', async () => {
    const { items } = await bridge.get<ItemList<ProxyView>>('proxies');
    expect(items).toHaveLength(1);
    await until('all is acknowledged', async () => {
      const [proxy] = (await bridge.get<ItemList<ProxyView>>('proxies')).items;
      return proxy?.types.every((t) => t.sent === t.acked && t.nack === undefined) ?? false;
    });
    for (const manager of ['cluster_manager.cds', 'listener_manager.lds'])
      expect(await statOf(envoy, `${manager}.update_rejected`)).toBe(0);
  });

  test('with the registry down everything stays, marked stale', async () => {
    await eureka.kill();
    await until(
      'the source is stale',
      async () => (await bridge.get<ItemList<SourceView>>('sources')).items[0]?.state === 'stale',
    );
    expect((await callEgress(envoy.ports.egress, HOST)).body).toBe('b');
  });

  test('a bridge killed and restarted meanwhile serves the last known good state, marked stale, and Envoy never notices', async () => {
    await bridge.end('SIGKILL');
    expect((await callEgress(envoy.ports.egress, HOST)).body).toBe('b');
    await bridge.run();
    const { items } = await bridge.get<ItemList<SourceView>>('sources');
    expect(items).toMatchObject([{ source: 'old', state: 'stale', services: 1 }]);
    await until('Envoy is back', async () => (await bridge.get<ItemList<ProxyView>>('proxies')).items.length === 1);
    expect((await callEgress(envoy.ports.egress, HOST)).body).toBe('b');
    expect(await hostsOf(envoy, CLUSTER)).toEqual([`127.0.0.1:${backends[1]?.port}`]);
  });

  test('SIGTERM ends it within 5 s, with its streams closed', async () => {
    expect(await bridge.end('SIGTERM')).toBe(0); // its own deadline of 4.5 s would give 1
    expect((await callEgress(envoy.ports.egress, HOST)).body).toBe('b');
  });
});

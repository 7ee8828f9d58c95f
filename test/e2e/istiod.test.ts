import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ItemList, ProxyView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowEureka, startIstiod } from '@isthmus/servers';
import type { Borrowed, EnvoyServer, EurekaPorts, IstiodServer } from '@isthmus/servers';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { callEgress, shares } from './support/egress.ts';
import { hostsOf, startSidecar, statOf } from './support/envoy.ts';
import { EurekaClient } from './support/eureka-client.ts';

const HOST = 'payments.eureka';
const CLUSTER = `outbound|80||${HOST}`;

/**
 * Istio's own filters are not in a stock Envoy, and its automatic mTLS waits for secrets of Istio's agent: an istiod that
 * leaves both out serves a stock Envoy (docs/facts.md).
 */
const STOCK_ENVOY = {
  env: { PILOT_ENABLE_ALPN_FILTER: 'false', PILOT_ENABLE_METADATA_EXCHANGE: 'false' },
  meshConfig: { enableAutoMtls: false, defaultProviders: { metrics: [] } },
};

describe('registry → bridge → MCP → istiod → a second Envoy', () => {
  let eureka: Borrowed<EurekaPorts>;
  let bridge: BridgeProcess;
  let istiod: IstiodServer;
  let envoy: EnvoyServer<'egress'>;
  let client: EurekaClient;
  let a: Backend;
  let b: Backend;

  const debug = async <T>(path: string): Promise<T> =>
    (await (await fetch(`http://127.0.0.1:${istiod.ports.monitoring}/debug/${path}`)).json()) as T;
  interface Config {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly creationTimestamp: string };
    readonly spec: {
      readonly hosts: readonly string[];
      readonly addresses: readonly string[];
      readonly endpoints: readonly { readonly ports: Readonly<Record<string, number>> }[];
    };
  }
  const entries = async () => (await debug<readonly Config[]>('configz')).filter((c) => c.kind === 'ServiceEntry');

  beforeAll(async () => {
    [a, b] = await Promise.all([Backend.start('a'), Backend.start('b')]);
    eureka = await borrowEureka();
    client = new EurekaClient(eureka.ports.http);
    await client.register('payments', a.port, { metadata: { weight: '3', zone: 'az-1' } });
    await client.register('payments', b.port, { metadata: { weight: '1', zone: 'az-1' } });
    bridge = await BridgeProcess.start([
      { name: 'old', kind: 'eureka', servers: [`http://127.0.0.1:${eureka.ports.http}/eureka`], pollInterval: '200ms' },
    ]);
    istiod = await startIstiod({
      env: STOCK_ENVOY.env,
      meshConfig: { ...STOCK_ENVOY.meshConfig, configSources: [{ address: `xds://127.0.0.1:${bridge.ports.mcp}` }] },
    });
    envoy = await startSidecar(istiod.ports.grpc, 'GRPC', 'web', { INTERCEPTION_MODE: 'NONE' });
  }, 600_000);

  afterAll(async () => {
    await envoy?.stop();
    await istiod?.stop();
    await bridge?.close();
    await eureka?.giveBack();
    await Promise.all([a?.stop(), b?.stop()]);
  }, 60_000);

  test('istiod has the ServiceEntry, with an address of the ledger and a constant creation time', async () => {
    const [entry] = await entries();
    expect(entry?.spec.hosts).toEqual([HOST]);
    expect(entry?.spec.addresses[0]).toMatch(/^240\.241\.\d+\.\d+$/);
    expect(Date.parse(entry?.metadata.creationTimestamp ?? '')).toBeLessThan(10_000_000);
    expect(entry?.spec.endpoints.map((e) => Object.values(e.ports)[0]).sort()).toEqual([a.port, b.port].sort());
  });

  test('istiod has its endpoints', async () => {
    const text = JSON.stringify(await debug('endpointz'));
    for (const backend of [a, b]) expect(text).toContain(`${backend.port}`);
    expect(text).toContain(HOST);
  });

  test('an Envoy that istiod feeds reaches the service by its host, in the shares of the weights', async () => {
    await until('both are in Envoy', async () => (await hostsOf(envoy, CLUSTER)).length === 2);
    await until('the route is there', async () => (await callEgress(envoy.ports.egress, `${HOST}:80`)).status === 200);
    // One at a time: istiod's LEAST_REQUEST does not keep the shares once calls overlap (docs/facts.md).
    const counts = await shares(envoy.ports.egress, `${HOST}:80`, 1_000, 1);
    expect([...counts.keys()].sort()).toEqual(['a', 'b']);
    expect(counts.get('a')).toBeGreaterThan(700);
    expect(counts.get('a')).toBeLessThan(800);
    expect(await statOf(envoy, 'listener_manager.lds.update_rejected')).toBe(0);
    expect(await statOf(envoy, 'cluster_manager.cds.update_rejected')).toBe(0);
  });

  test('a deregistered instance leaves the Envoy behind istiod too', async () => {
    await client.deregister('payments', a.port);
    await until('it has left', async () => (await hostsOf(envoy, CLUSTER)).join() === `127.0.0.1:${b.port}`);
  });

  test('a killed bridge costs istiod nothing, and a restarted one wipes nothing', async () => {
    const before = await entries();
    await bridge.end('SIGKILL');
    expect((await callEgress(envoy.ports.egress, `${HOST}:80`)).body).toBe('b');
    await bridge.run();
    await until('istiod is back', async () =>
      (await bridge.get<ItemList<ProxyView>>('proxies')).items.some((p) => p.transport === 'mcp'),
    );
    expect(await entries()).toEqual(before);
    expect((await callEgress(envoy.ports.egress, `${HOST}:80`)).body).toBe('b');
  });
});

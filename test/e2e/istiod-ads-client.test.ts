import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { ItemList, ProxyView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { provide } from '@isthmus/servers';
import { LineProcess } from './support/line-process.ts';
import { RulesBridge } from './support/rules-bridge.ts';

jest.setTimeout(120_000);

/** What istiod's own client holds, by type. */
interface Held {
  readonly clusters: readonly string[];
  readonly listeners: readonly string[];
  readonly routes: readonly string[];
  /** Addresses by cluster. */
  readonly endpoints: Readonly<Record<string, readonly string[]>>;
}

const HOST = 'orders.shop.svc.cluster.local';

/** istiod's own ADS client (`istio.io/istio/pkg/adsc`), in both of its forms, is a client of the bridge like any other. */
describe.each(['adsc', 'adsc-delta'] as const)('%s of Istio:', (kind) => {
  let bridge: RulesBridge;
  let client: LineProcess;

  const held = (): Promise<Held> => client.ask<Held>({});
  const view = async (): Promise<ProxyView> => {
    const { items } = await bridge.bridge.get<ItemList<ProxyView>>('proxies');
    return items.find(({ node }) => node.startsWith('sidecar~10.77.1.1~')) as ProxyView;
  };
  const allAcked = async (): Promise<boolean> => {
    const { types } = await view();
    return types.length === 4 && types.every(({ acked, sent }) => sent !== '' && acked === sent);
  };

  beforeAll(async () => {
    bridge = await RulesBridge.start({ 'orders.yaml': orders(['10.77.1.1', '10.77.1.2']) });
    const { home } = await provide('xds-clients');
    client = LineProcess.start([join(home, 'bin/xds-clients'), kind, `127.0.0.1:${bridge.xds}`, '10.77.1.1']);
  }, 180_000);

  afterAll(async () => {
    await client?.stop();
    await bridge?.close();
  }, 60_000);

  test('gets clusters, listeners, routes and endpoints, and acknowledges them all', async () => {
    await until('it has them', async () => {
      const { endpoints, routes } = await held();
      return endpoints[`outbound|80||${HOST}`]?.length === 2 && routes.length > 0;
    });
    const { clusters, listeners, routes, endpoints } = await held();
    expect(clusters).toEqual(expect.arrayContaining([`outbound|80||${HOST}`, `outbound|9000||${HOST}`]));
    expect(listeners).toEqual(expect.arrayContaining(['0.0.0.0_80', '10.96.0.10_9000', 'virtualOutbound', 'virtualInbound']));
    expect(routes).toEqual(['80']);
    expect(endpoints[`outbound|80||${HOST}`]).toEqual(['10.77.1.1', '10.77.1.2']);
    await until('all are acknowledged', allAcked);
    expect((await view()).types.flatMap(({ nack }) => nack ?? [])).toEqual([]);
  });

  test('what it serves itself is its inbound cluster', async () => {
    expect((await held()).clusters).toContain('inbound|8080||');
  });

  test('follows what changes', async () => {
    await bridge.give('orders.yaml', orders(['10.77.1.1']));
    await until('one endpoint less', async () => (await held()).endpoints[`outbound|80||${HOST}`]?.join() === '10.77.1.1');
    await bridge.give('late.yaml', orders(['10.77.1.3']).replaceAll('orders', 'late').replace('10.96.0.10', '10.96.0.11'));
    await until('a service more', async () => (await held()).clusters.includes('outbound|80||late.shop.svc.cluster.local'));
    await until('all are acknowledged', allAcked);
  });

  // The incremental client ends itself at the removal of endpoints whose cluster went before ("unknown parent" in delta.go).
  if (kind === 'adsc')
    test('follows what goes', async () => {
      await bridge.take('late.yaml');
      await until('it is gone', async () => !(await held()).clusters.includes('outbound|80||late.shop.svc.cluster.local'));
      await until('all are acknowledged', allAcked);
    });

  test('refused nothing', async () => {
    expect((await view()).types.flatMap(({ nack }) => nack ?? [])).toEqual([]);
  });
});

function orders(addresses: readonly string[]): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: orders, namespace: shop }
spec:
  hosts: [${HOST}]
  addresses: [10.96.0.10]
  location: MESH_INTERNAL
  resolution: STATIC
  ports:
    - { number: 80, name: http, protocol: HTTP, targetPort: 8080 }
    - { number: 9000, name: tcp, protocol: TCP }
  endpoints: [${addresses.map((address) => `{ address: ${address} }`).join(', ')}]
`;
}

import { describe, expect, test } from '@jest/globals';
import type { NodeInfo } from '@isthmus/xds';
import { proxyOf } from './proxy-of.ts';

const defaults = { namespace: 'isthmus', domain: 'cluster.local' };

describe("a node in Istio's form", () => {
  test('says kind, address, namespace and domain in its id, the rest in its metadata', () => {
    const locality = { region: 'eu', zone: 'eu-1', subzone: '' };
    const metadata = {
      LABELS: { version: 'v1', app: 'orders' },
      INSTANCE_IPS: '10.0.0.7,fd00::7',
      CLUSTER_ID: 'east',
      NETWORK: 'n1',
      INTERCEPTION_MODE: 'TPROXY',
    };
    expect(proxyOf(node('sidecar~10.0.0.7~orders-1.shop~shop.svc.cluster.local', metadata, { locality }), defaults)).toEqual({
      kind: 'sidecar',
      grpc: false,
      namespace: 'shop',
      dnsDomain: 'shop.svc.cluster.local',
      addresses: ['10.0.0.7', 'fd00::7'],
      labels: { app: 'orders', version: 'v1' },
      interception: 'tproxy',
      egress: undefined,
      locality,
      cluster: 'east',
      network: 'n1',
      consumer: 'orders',
    });
  });

  test('the same labels in another order are the same proxy', () => {
    const one = proxyOf(node('a', { LABELS: { a: '1', b: '2' } }), defaults);
    expect(JSON.stringify(proxyOf(node('a', { LABELS: { b: '2', a: '1' } }), defaults))).toBe(JSON.stringify(one));
  });

  test('metadata NAMESPACE counts more than the id', () => {
    expect(proxyOf(node('router~10.0.0.7~gw.edge~edge.svc.cluster.local', { NAMESPACE: 'front' }), defaults)).toMatchObject({
      kind: 'router',
      namespace: 'front',
    });
  });
});

test('a node that says nothing is a sidecar of the default namespace that asks for nothing', () => {
  expect(proxyOf(node('web-1', {}), defaults)).toMatchObject({
    kind: 'sidecar',
    namespace: 'isthmus',
    dnsDomain: 'isthmus.svc.cluster.local',
    addresses: [],
    interception: 'explicit',
    egress: undefined,
  });
});

test.each([
  [
    'a label of its own before all others',
    { LABELS: { 'isthmus.dev/service': 'web', app: 'shop' }, WORKLOAD_NAME: 'web-v2' },
    'x',
  ],
  ["Istio's canonical name before app", { LABELS: { 'service.istio.io/canonical-name': 'web', app: 'shop' } }, 'x'],
  ['its workload where there is no label', { WORKLOAD_NAME: 'web' }, 'x'],
  ["Envoy's word for it, the cluster of the node", {}, 'web'],
  ["the same as Istio's bootstrap writes it", { NAMESPACE: 'shop' }, 'web.shop'],
])('the service that calls through a sidecar is %s', (_, metadata, cluster) => {
  expect(proxyOf({ ...node('a', metadata), cluster }, defaults)).toMatchObject({ consumer: 'web' });
});

test('nobody calls through a router, and a sidecar that says nothing is no consumer that a plan could name', () => {
  const router = proxyOf(node('router~10.0.0.7~gw.edge~edge.svc.cluster.local', { LABELS: { app: 'web' } }), defaults);
  expect([router, proxyOf(node('a', {}), defaults)]).not.toContainEqual(expect.objectContaining({ consumer: expect.anything() }));
});

test.each([
  ['GENERATOR: grpc', { GENERATOR: 'grpc' }, ''],
  ['its user agent', {}, 'gRPC Node.js 1.14'],
])('proxyless gRPC is known by %s', (_, metadata, userAgent) => {
  expect(proxyOf(node('a', metadata, { userAgent }), defaults)).toMatchObject({ grpc: true });
});

test('the egress listener is on loopback unless the node asks for all addresses', () => {
  const at = (address: string) => proxyOf(node('a', { HTTP_PROXY_PORT: '15004', HTTP_PROXY_ADDRESS: address }), defaults);
  expect(at('')).toMatchObject({ egress: { address: '127.0.0.1', port: 15_004 } });
  expect(at('0.0.0.0')).toMatchObject({ egress: { address: '0.0.0.0', port: 15_004 } });
  expect(at('10.1.2.3')).toMatchObject({ egress: { address: '127.0.0.1' } });
});

test.each<[string, string, Readonly<Record<string, unknown>>]>([
  ['a port that is none', 'HTTP_PROXY_PORT is "70000"', { HTTP_PROXY_PORT: '70000' }],
  ['an unknown interception', 'INTERCEPTION_MODE is "EBPF"; it must be REDIRECT, TPROXY or NONE', { INTERCEPTION_MODE: 'EBPF' }],
  ['65 labels', 'the most is 64', { LABELS: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, 'v'])) }],
  ['33 addresses', 'the most is 32', { INSTANCE_IPS: Array.from({ length: 33 }, (_, i) => `10.0.0.${i}`).join() }],
])('a node with %s is refused with the reason', (_, reason, metadata) => {
  expect(proxyOf(node('a', metadata), defaults)).toEqual({ refused: expect.stringContaining(reason) });
});

test('what is no address, no text or no map costs just that', () => {
  const metadata = { LABELS: ['a'], INSTANCE_IPS: '10.0.0.1,orders,', NAMESPACE: 7, CLUSTER_ID: null };
  expect(proxyOf(node('a', metadata), defaults)).toMatchObject({ labels: {}, addresses: ['10.0.0.1'], namespace: 'isthmus' });
});

test('ambient proxies are refused', () => {
  expect(proxyOf(node('ztunnel~10.0.0.1~z.istio-system~istio-system.svc.cluster.local', {}), defaults)).toHaveProperty('refused');
});

function node(id: string, metadata: Readonly<Record<string, unknown>>, more: Partial<NodeInfo> = {}): NodeInfo {
  return { id, cluster: '', metadata, userAgent: 'envoy 1.40.0', ...more };
}

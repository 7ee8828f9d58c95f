import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ENDPOINT_SLICES, SERVICES } from '@isthmus/kube';
import type { EndpointSlice, Service } from './kept.ts';
import { serviceObject, sliceOf } from './testing/objects.ts';
import { Scene, firstOf, recordIn, scopeOf } from './testing/scene.ts';

/**
 * A real API server lets little of this in. What stands in front of one, an aggregated API or an object from before a check
 * was made does.
 */
let scene: Scene;
beforeEach(async () => {
  scene = await Scene.start();
});
afterEach(async () => {
  expect(await scene.end()).toEqual([]);
});

type Ports = NonNullable<EndpointSlice['ports']>;
const HTTP: Ports = [{ name: 'http', port: 8080 }];
const good = [{ addresses: ['10.1.1.1'] }];
const neighbour = () => scene.run('neighbour', '10.1.1.9');

describe('an endpoint that makes no sense costs itself', () => {
  test.each<[string, unknown, string]>([
    ['0.0.0.0', '0.0.0.0', 'address.invalid'],
    ['no address at all', null, 'address.invalid'],
    ['a number', 17, 'address.invalid'],
    ['256 in it', '10.0.0.256', 'address.invalid'],
    ['control characters', '10.0.0.1\u001b[2J', 'address.invalid'],
  ])('%s for an address', async (_name, address, code) => {
    neighbour();
    scene.api.put(SERVICES, serviceObject('shop', 'orders'));
    scene.api.put(ENDPOINT_SLICES, sliceOf('shop', 'orders', 'a', HTTP, [...good, { addresses: [address as string] }]));
    const view = await scene.live();
    expect(view.endpoints('orders').map((endpoint) => endpoint.address)).toEqual(['10.1.1.1']);
    expect(recordIn(view, 'orders')?.diagnostics).toEqual([
      expect.objectContaining({ code, where: expect.stringMatching(/^k8s\/shop\/\/orders .*:8080$/) }),
    ]);
    expect(view.endpoints('neighbour')).toHaveLength(1);
  });

  test.each([0, 70_000, -1, '80 80'])('%s for a port', async (port) => {
    scene.api.put(SERVICES, serviceObject('shop', 'orders'));
    scene.api.put(ENDPOINT_SLICES, sliceOf('shop', 'orders', 'a', HTTP, good));
    const bad = [{ name: 'http', port: port as number }];
    scene.api.put(ENDPOINT_SLICES, sliceOf('shop', 'orders', 'b', bad, [{ addresses: ['10.1.1.2'] }]));
    const view = await scene.live();
    expect(view.endpoints('orders').map((endpoint) => endpoint.address)).toEqual(['10.1.1.1']);
    expect(recordIn(view, 'orders')?.diagnostics).toEqual([expect.objectContaining({ code: 'port.invalid' })]);
  });

  test('a host name in a slice of addresses is a DNS endpoint', async () => {
    scene.api.put(SERVICES, serviceObject('shop', 'orders'));
    scene.api.put(ENDPOINT_SLICES, sliceOf('shop', 'orders', 'a', HTTP, [{ addresses: ['orders.example.com'] }], 'FQDN'));
    const view = await scene.live();
    expect(view.endpoints('orders')).toMatchObject([{ address: 'orders.example.com', addressType: 'dns' }]);
  });

  test.each<[string, Record<string, string>, object]>([
    ['100 kB of one label loses its labels', { long: 'x'.repeat(100_000) }, {}],
    ['a control character in a label keeps the others', { odd: 'a\u0007b' }, { app: 'orders' }],
  ])('a Pod with %s, and keeps its endpoint', async (_name, labels, kept) => {
    scene.run('orders', '10.1.1.1', { labels });
    const view = await scene.live();
    expect(view.endpoints('orders')).toMatchObject([{ address: '10.1.1.1', labels: kept }]);
    expect(view.endpoints('orders')[0]?.labels).not.toMatchObject(labels);
    expect(recordIn(view, 'orders')?.diagnostics).not.toEqual([]);
  });
});

describe('an object of another shape costs itself, and is named', () => {
  test.each<[string, object]>([
    ['null for its spec', { spec: null }],
    ['a text for its ports', { spec: { ports: '80' } }],
    ['null among its ports', { spec: { ports: [null] } }],
    ['a list for an annotation', { spec: {}, metadata: { annotations: { 'networking.istio.io/exportTo': ['.'] } } }],
  ])('a Service with %s, from the start and later', async (_name, { metadata, ...odd }: { metadata?: object }) => {
    neighbour();
    scene.run('orders', '10.1.1.1');
    const fine = serviceObject('shop', 'orders');
    const broken = { ...fine, ...odd, metadata: { ...fine.metadata, ...metadata } } as Service;
    scene.api.put(SERVICES, broken);
    const view = await scene.live();
    expect([view.has('orders'), view.has('neighbour')]).toEqual([false, true]);
    const named = [expect.objectContaining({ code: 'answer.invalid', where: 'k8s/shop//orders' })];
    expect(view.diagnostics(scopeOf('shop'))).toEqual(named);
    scene.api.put(SERVICES, fine);
    await view.until('mended', (v) => v.has('orders') && v.diagnostics(scopeOf('shop')).length === 0);
    scene.api.put(SERVICES, broken);
    await view.until('broken again', (v) => recordIn(v, 'orders')?.diagnostics.length === 1);
    expect(recordIn(view, 'orders')?.diagnostics).toEqual(named);
    expect([firstOf(view, 'orders')?.address, view.has('neighbour')]).toEqual(['10.1.1.1', true]);
    expect(view.status(scopeOf('shop'))).toEqual({ state: 'live' });
  });

  test('a Service with a port that is no port keeps the others', async () => {
    scene.run('orders', '10.1.1.1');
    const ports = [
      { name: 'http', port: 80 },
      { name: 'admin', port: 70_000 },
    ];
    scene.api.put(SERVICES, serviceObject('shop', 'orders', ports));
    const view = await scene.live();
    expect(recordIn(view, 'orders')?.ports).toEqual([{ number: 80, name: 'http', protocol: 'http' }]);
    expect(recordIn(view, 'orders')?.diagnostics).toEqual([
      expect.objectContaining({ code: 'port.invalid', what: 'port 70000 of the Service' }),
    ]);
  });

  test.each<[string, object]>([
    ['an object for its endpoints', { endpoints: { '10.1.1.2': {} } }],
    ['null among its endpoints', { endpoints: [null] }],
    ['a text for addresses', { endpoints: [{ addresses: '10.1.1.2' }] }],
    ['a number for its ports', { ports: 80 }],
  ])('a slice with %s: the other slices of its Service count, and what it said before', async (_name, odd) => {
    neighbour();
    scene.api.put(SERVICES, serviceObject('shop', 'orders'));
    scene.api.put(ENDPOINT_SLICES, sliceOf('shop', 'orders', 'a', HTTP, good));
    scene.api.put(ENDPOINT_SLICES, { ...sliceOf('shop', 'orders', 'b', HTTP, good), ...odd } as EndpointSlice);
    const view = await scene.live();
    expect(view.endpoints('orders').map(({ address }) => address)).toEqual(['10.1.1.1']);
    const what = expect.stringContaining('EndpointSlice b: ');
    expect(recordIn(view, 'orders')?.diagnostics).toEqual([expect.objectContaining({ code: 'answer.invalid', what })]);
    expect(view.endpoints('neighbour')).toHaveLength(1);

    const other = sliceOf('shop', 'orders', 'b', HTTP, [{ addresses: ['10.1.1.3'] }]);
    scene.api.put(ENDPOINT_SLICES, other);
    await view.until('mended', (v) => v.endpoints('orders').length === 2 && recordIn(v, 'orders')?.diagnostics.length === 0);
    scene.api.put(ENDPOINT_SLICES, { ...other, ...odd } as EndpointSlice);
    await view.until('broken again', (v) => recordIn(v, 'orders')?.diagnostics.length === 1);
    expect(view.endpoints('orders').map(({ address }) => address)).toEqual(['10.1.1.1', '10.1.1.3']);
  });

  test('null for the lists of an empty slice, as Kubernetes itself writes them, is nothing to speak of', async () => {
    scene.api.put(SERVICES, serviceObject('shop', 'orders'));
    scene.api.put(ENDPOINT_SLICES, sliceOf('shop', 'orders', 'a', HTTP, good));
    const empty = { ...sliceOf('shop', 'orders', 'b', [], []), ports: null, endpoints: null };
    scene.api.put(ENDPOINT_SLICES, empty as unknown as EndpointSlice);
    const view = await scene.live();
    expect(recordIn(view, 'orders')?.diagnostics).toEqual([]);
  });
});

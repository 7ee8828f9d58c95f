import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ENDPOINT_SLICES, PODS, SERVICES } from '@isthmus/kube';
import type { Service } from './kept.ts';
import { podObject, serviceObject, sliceOf } from './testing/objects.ts';
import { Scene, firstOf, recordIn, scopeOf } from './testing/scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.start();
});
afterEach(async () => {
  expect(await scene.end()).toEqual([]);
});

describe('slices', () => {
  const both = (name: string, port: number, ready: boolean) =>
    sliceOf(
      'shop',
      'orders',
      name,
      [{ name: 'http', port }],
      [{ addresses: ['10.1.4.1'], conditions: { ready }, targetRef: { kind: 'Pod', name: 'p' } }],
    );

  test('of one Service are merged; an endpoint that is in two of them is one, and the ready one counts', async () => {
    scene.api.put(SERVICES, serviceObject('shop', 'orders'));
    scene.api.put(ENDPOINT_SLICES, both('a', 8080, false));
    scene.api.put(ENDPOINT_SLICES, both('b', 8080, true));
    scene.api.put(ENDPOINT_SLICES, both('c', 8081, true));
    const view = await scene.live();
    expect(view.endpoints('orders').map(({ port, health }) => [port, health])).toEqual([
      [8080, 'healthy'],
      [8081, 'healthy'],
    ]);
    expect(recordIn(view, 'orders')?.diagnostics).toEqual([]);
    scene.api.remove(ENDPOINT_SLICES, 'b', 'shop');
    await view.until('the other one', (v) => firstOf(v, 'orders')?.health === 'unhealthy');
  });

  test('that move to another Service leave the first', async () => {
    for (const name of ['orders', 'billing']) scene.api.put(SERVICES, serviceObject('shop', name));
    scene.api.put(ENDPOINT_SLICES, both('a', 8080, true));
    const view = await scene.live();
    expect([view.has('orders'), view.has('billing')]).toEqual([true, false]);
    scene.api.put(ENDPOINT_SLICES, {
      ...both('a', 8080, true),
      metadata: { namespace: 'shop', name: 'a', labels: { 'kubernetes.io/service-name': 'billing' } },
    });
    await view.until('moved', (v) => !v.has('orders') && v.has('billing'));
  });

  test('of the second address family are not a second share of every Pod', async () => {
    scene.api.put(
      SERVICES,
      serviceObject('shop', 'dual', undefined, { spec: { clusterIP: 'fd00::1', ipFamilies: ['IPv6', 'IPv4'] } }),
    );
    scene.api.put(ENDPOINT_SLICES, sliceOf('shop', 'dual', 'v4', [{ name: 'http', port: 8080 }], [{ addresses: ['10.1.5.1'] }]));
    scene.api.put(
      ENDPOINT_SLICES,
      sliceOf('shop', 'dual', 'v6', [{ name: 'http', port: 8080 }], [{ addresses: ['fd00:1::0001'] }], 'IPv6'),
    );
    const view = await scene.live();
    expect(view.endpoints('dual').map(({ address }) => address)).toEqual(['fd00:1::1']);
    expect(recordIn(view, 'dual')?.vip).toBe('fd00::1');
  });

  test('written by hand for a Service without selector count, with or without a Pod', async () => {
    scene.api.put(SERVICES, serviceObject('shop', 'legacy', [{ port: 5432 }], { spec: { clusterIP: 'None' } }));
    scene.api.put(
      ENDPOINT_SLICES,
      sliceOf('shop', 'legacy', 'by-hand', [{ port: 5433 }], [{ addresses: ['192.0.2.7'], zone: 'rack-1' }]),
    );
    const view = await scene.live();
    expect(recordIn(view, 'legacy')).toMatchObject({ ports: [{ number: 5432, name: 'tcp-5432', protocol: 'tcp' }] });
    expect(recordIn(view, 'legacy')).not.toHaveProperty('vip');
    expect(firstOf(view, 'legacy')).toMatchObject({
      instanceId: '192.0.2.7:5433',
      port: 5433,
      portName: 'tcp-5432',
      locality: { region: '', zone: 'rack-1', subzone: '' },
      identity: '',
    });
  });

  test('whose Service publishes not-ready addresses are taken at their word', async () => {
    scene.run('orders', '10.1.6.1');
    const pod = podObject('shop', { address: '10.1.6.1' });
    scene.api.put(PODS, { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-11-21T15:00:00Z' } });
    scene.api.put(SERVICES, serviceObject('shop', 'orders', undefined, { spec: { publishNotReadyAddresses: true } }));
    const view = await scene.live();
    expect(firstOf(view, 'orders')?.health).toBe('healthy');
  });
});

test('two ports of a Service may lead to one port of its Pods', async () => {
  const ports = [
    { name: 'http', port: 80 },
    { name: 'grpc-api', port: 81 },
  ];
  scene.api.put(SERVICES, serviceObject('shop', 'orders', ports));
  const both = ports.map(({ name }) => ({ name, port: 8080 }));
  scene.api.put(ENDPOINT_SLICES, sliceOf('shop', 'orders', 'a', both, [{ addresses: ['10.1.7.1'] }]));
  const view = await scene.live();
  expect(view.endpoints('orders').map(({ port, portName, protocol }) => [port, portName, protocol])).toEqual([
    [8080, 'grpc-api', 'grpc'],
    [8080, 'http', 'http'],
  ]);
});

test('an ExternalName is a DNS endpoint; without ports it is left out with the reason', async () => {
  const external = (name: string, ports: NonNullable<Service['spec']>['ports'] = []): Service =>
    serviceObject('shop', name, ports, { spec: { type: 'ExternalName', externalName: 'db.example.com.' } });
  scene.api.put(SERVICES, external('db', [{ name: 'mysql', port: 3306 }]));
  scene.api.put(SERVICES, external('silent'));
  const view = await scene.live();
  expect(firstOf(view, 'db')).toMatchObject({ address: 'db.example.com', addressType: 'dns', port: 3306, protocol: 'mysql' });
  expect(view.has('silent')).toBe(false);
  expect(view.diagnostics(scopeOf('shop'))).toEqual([
    expect.objectContaining({ code: 'port.invalid', where: 'k8s/shop//silent', remedy: 'list its ports in the Service' }),
  ]);
});

test('UDP and SCTP ports are left out and said; a Service that has no others is left out', async () => {
  scene.api.put(
    SERVICES,
    serviceObject('shop', 'dns', [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ]),
  );
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'dns-tcp', port: 53 },
  ];
  scene.api.put(ENDPOINT_SLICES, sliceOf('shop', 'dns', 'a', ports, [{ addresses: ['10.1.8.1'] }]));
  scene.api.put(SERVICES, serviceObject('shop', 'syslog', [{ port: 514, protocol: 'UDP' }]));
  const view = await scene.live();
  expect(view.endpoints('dns').map(({ port, portName }) => [port, portName])).toEqual([[53, 'dns-tcp']]);
  expect(recordIn(view, 'dns')?.diagnostics).toEqual([
    expect.objectContaining({ what: 'port dns (53) is UDP', severity: 'info' }),
  ]);
  expect(view.diagnostics(scopeOf('shop'))).toEqual([
    expect.objectContaining({ where: 'k8s/shop//syslog', what: 'port 514 is UDP' }),
  ]);
});

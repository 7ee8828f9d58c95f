import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ENDPOINT_SLICES, NODES, PODS, SERVICES } from '@isthmus/kube';
import { collect } from '@isthmus/registry/testing';
import { kubernetesSchema } from './config.ts';
import { KubernetesSource } from './source.ts';
import { podObject, serviceObject, sliceObject, sliceOf } from './testing/objects.ts';
import { Scene, firstOf, recordIn, scopeOf } from './testing/scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.start();
});
afterEach(async () => {
  expect(await scene.end()).toEqual([]);
});

test('a Service is a record: host, declared port, cluster IP, namespace, and its Pod’s labels, place and identity', async () => {
  scene.api.put(NODES, {
    metadata: { name: 'n1', labels: { 'topology.kubernetes.io/region': 'eu', 'topology.kubernetes.io/zone': 'eu-1' } },
  });
  const labels = { 'security.istio.io/tlsMode': 'istio', 'topology.istio.io/network': 'net-1', version: 'v1' };
  scene.run('orders', '10.1.0.1', { node: 'n1', labels });
  scene.api.put(SERVICES, {
    ...serviceObject('shop', 'orders', [{ name: 'http-web', port: 80 }], {
      spec: { clusterIP: '10.96.0.10', ipFamilies: ['IPv4'] },
    }),
    metadata: { namespace: 'shop', name: 'orders', annotations: { 'networking.istio.io/exportTo': '., payments' } },
  });
  scene.api.put(
    ENDPOINT_SLICES,
    sliceOf(
      'shop',
      'orders',
      'orders-pod-10-1-0-1-8080',
      [{ name: 'http-web', port: 8080 }],
      [{ addresses: ['10.1.0.1'], nodeName: 'n1', targetRef: { kind: 'Pod', name: 'pod-10-1-0-1' } }],
    ),
  );
  const view = await scene.live();
  expect(recordIn(view, 'orders')).toEqual({
    key: { source: 'k8s', namespace: 'shop', group: '', name: 'orders' },
    host: 'orders.shop.svc.cluster.local',
    ports: [{ number: 80, name: 'http-web', protocol: 'http' }],
    vip: '10.96.0.10',
    meshNamespace: 'shop',
    exportTo: ['.', 'payments'],
    diagnostics: [],
    endpoints: [
      {
        instanceId: 'shop/pod-10-1-0-1:8080',
        address: '10.1.0.1',
        addressType: 'ip',
        port: 8080,
        protocol: 'http',
        weight: 1,
        health: 'healthy',
        locality: { region: 'eu', zone: 'eu-1', subzone: '' },
        labels: { app: 'orders', ...labels },
        metadata: { app: 'orders', ...labels },
        cluster: 'Kubernetes',
        network: 'net-1',
        portName: 'http-web',
        identity: 'spiffe://cluster.local/ns/shop/sa/default',
      },
    ],
  });
});

describe('one event', () => {
  test('of a slice, a Pod, a Service touches one Service of many', async () => {
    for (let n = 0; n < 50; n += 1) scene.run(`s${n}`, `10.1.1.${n}`);
    const view = await scene.live();
    const before = view.events.length;
    const changed = () =>
      view.events.slice(before).map((event) => (event.kind === 'upsert' ? event.service.key.name : event.kind));
    scene.api.put(ENDPOINT_SLICES, sliceObject('shop', 's7', { address: '10.1.1.7', port: 8080, healthy: false }));
    await view.until('the slice', (v) => firstOf(v, 's7')?.health === 'unhealthy');
    scene.api.put(PODS, podObject('shop', { address: '10.1.1.8', labels: { app: 's8', version: 'v2' } }));
    await view.until('the Pod', (v) => firstOf(v, 's8')?.labels['version'] === 'v2');
    scene.api.put(SERVICES, serviceObject('shop', 's9', [{ name: 'http', port: 81 }]));
    await view.until('the Service', (v) => recordIn(v, 's9')?.ports?.[0]?.number === 81);
    scene.api.remove(SERVICES, 's10', 'shop');
    await view.until('the removal', (v) => !v.has('s10'));
    expect(changed()).toEqual(['s7', 's8', 's9', 'remove']);
  });

  test('of a node that says where it is moves the endpoints on it', async () => {
    scene.run('orders', '10.1.2.1', { node: 'n1' });
    const view = await scene.live();
    expect(firstOf(view, 'orders')?.locality.zone).toBe('');
    scene.api.put(NODES, { metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'eu-2' } } });
    await view.until('the zone', (v) => firstOf(v, 'orders')?.locality.zone === 'eu-2');
  });

  test('of a Pod that is going takes its endpoints out before the slices say so', async () => {
    scene.run('orders', '10.1.3.1');
    const view = await scene.live();
    const pod = podObject('shop', { address: '10.1.3.1' });
    scene.api.put(PODS, { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-11-21T15:00:00Z' } });
    await view.until('out', (v) => firstOf(v, 'orders')?.health === 'unhealthy');
  });
});

test('what is not asked for, and what Isthmus wrote itself, is left out', async () => {
  for (const name of ['orders', 'orders-test', 'ours']) scene.run(name, '10.1.9.1');
  scene.api.put(
    SERVICES,
    serviceObject('shop', 'ours', undefined, {
      metadata: { name: 'ours', namespace: 'shop', labels: { 'isthmus.dev/managed-by': 'lab' } },
    }),
  );
  const view = await scene.live({ services: { include: ['shop/*'], exclude: ['*-test'] } });
  expect([...view.services.values()].map(({ key }) => key.name)).toEqual(['orders']);
});

describe('namespaces', () => {
  test('are scopes of their own: one that appears later is syncing, complete and live at once', async () => {
    const view = await scene.live();
    expect(view.status(scopeOf('shop'))).toBeUndefined();
    scene.run('orders', '10.1.10.1');
    await view.until('orders, live', (v) => v.has('orders') && v.status(scopeOf('shop'))?.state === 'live');
    scene.api.put(SERVICES, serviceObject('quiet', 'syslog', [{ port: 514, protocol: 'UDP' }]));
    await view.until('one with nothing but a diagnostic', (v) => v.diagnostics(scopeOf('quiet')).length === 1);
    await view.until('live', (v) => v.status(scopeOf('quiet'))?.state === 'live');
  });

  test('that are gone since an earlier run are told empty', async () => {
    scene.run('orders', '10.1.10.1');
    const view = await scene.live({}, { knownScopes: () => [scopeOf('shop'), scopeOf('gone')] });
    expect(view.status(scopeOf('gone'))).toEqual({ state: 'live' });
    expect(
      view.events.some((event) => event.kind === 'snapshot' && event.scope.namespace === 'gone' && event.services.size === 0),
    ).toBe(true);
  });

  test('that are named are read one by one, with rights in them only', async () => {
    scene.run('orders', '10.1.11.1');
    const view = scene.follow({ namespaces: ['shop', 'other'], workloads: false });
    await view.until('both live', (v) => ['shop', 'other'].every((name) => v.status(scopeOf(name))?.state === 'live'));
    expect(view.has('orders')).toBe(true);
    expect(scene.api.requests.some((line) => line.startsWith('GET /api/v1/services'))).toBe(false);
    expect(scene.api.requests.some((line) => line.includes('/pods'))).toBe(false);
  });
});

test.each([
  ['pods', 'warning', 'Pods cannot be read: '],
  ['nodes', 'info', 'Nodes cannot be read: '],
])('without the right to read %s the rest goes on, and the rule that is missing is said', async (plural, severity, what) => {
  scene.api.forbidden.add(`list ${plural}`);
  scene.run('orders', '10.1.12.1');
  const view = await scene.live();
  await view.until('orders', (v) => firstOf(v, 'orders')?.address === '10.1.12.1');
  expect(view.diagnostics(scopeOf(''))).toEqual([
    expect.objectContaining({
      code: 'registry.partial',
      severity,
      what: expect.stringContaining(what),
      remedy: `add to the account’s ClusterRole: { apiGroups: [""], resources: ["${plural}"], verbs: [list, watch] }`,
    }),
  ]);
});

test('a list that lacks many Services after a watch expired is one complete read, not a removal of each', async () => {
  for (let n = 0; n < 20; n += 1) scene.run(`s${n}`, `10.1.13.${n}`);
  const view = await scene.live();
  const before = view.events.length;
  for (let n = 0; n < 15; n += 1)
    scene.api.changeInSilence(SERVICES, serviceObject('shop', `s${n}`, [{ name: 'http', port: 81 }]));
  scene.api.say({ type: 'ERROR', object: { code: 410, message: 'too old resource version' } });
  await view.until('the changes', (v) => recordIn(v, 's14')?.ports?.[0]?.number === 81);
  expect(new Set(view.events.slice(before).map((event) => event.kind))).toEqual(new Set(['upsert']));
  scene.api.compact();
  await scene.api.stop();
  for (let n = 0; n < 15; n += 1) scene.api.remove(SERVICES, `s${n}`, 'shop');
  await view.until('stale', (v) => v.status(scopeOf('shop'))?.state === 'stale');
  expect(view.services.size).toBe(20);
  await scene.api.start();
  await view.until('live', (v) => v.status(scopeOf('shop'))?.state === 'live');
  expect(view.services.size).toBe(5);
  expect(view.events.filter((event) => event.kind === 'remove')).toEqual([]);
});

test('a kubeconfig that cannot be read is a stale registry that says so, and is tried again', async () => {
  let path = '/nowhere/kubeconfig';
  const config = kubernetesSchema.parse({ name: 'k8s', kind: 'kubernetes' });
  const connect = async () => {
    if (path !== '') throw new Error(`${path} cannot be read`);
    return scene.api.access();
  };
  const source = new KubernetesSource(
    'k8s' as never,
    config,
    { clock: { now: () => 5 }, random: () => 0, baseDir: '.' },
    connect,
  );
  const view = collect(source);
  await view.until('stale', (v) => v.status(scopeOf(''))?.state === 'stale');
  expect(view.status(scopeOf(''))).toEqual({ state: 'stale', since: 5, cause: '/nowhere/kubeconfig cannot be read' });
  path = '';
  await view.until('live', (v) => v.status(scopeOf(''))?.state === 'live');
  await view.stop();
  expect(view.violations).toEqual([]);
});

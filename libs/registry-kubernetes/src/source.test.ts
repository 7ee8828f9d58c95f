import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Endpoint, ServiceRecord } from '@isthmus/model';
import { ENDPOINT_SLICES, NODES, PODS, SERVICES } from '@isthmus/kube';
import { FakeApi } from '@isthmus/kube/testing';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import type { SourceDeps } from '@isthmus/registry';
import type { Service } from './kept.ts';
import { podObject, serviceObject, sliceObject, sliceOf } from './testing/objects.ts';
import { openKubernetes } from './testing/scripted-harness.ts';

let api: FakeApi;
const open: Collector[] = [];

beforeEach(async () => {
  api = new FakeApi();
  await api.start();
});
afterEach(async () => {
  await Promise.all(open.map((view) => view.stop()));
  expect(open.splice(0).flatMap((view) => view.violations)).toEqual([]);
  await api.stop();
});

async function live(fields: Readonly<Record<string, unknown>> = {}, deps: Partial<SourceDeps> = {}): Promise<Collector> {
  const view = collect(openKubernetes(api, { namespaces: ['*'], ...fields }, 'right', deps));
  open.push(view);
  await view.until('live', (v) => v.status(scope(''))?.state === 'live' || v.status(scope('shop'))?.state === 'live');
  const kinds = fields['workloads'] === false ? 3 : 4;
  await view.until('all watches are open', () => api.watches === kinds - (api.forbidden.size > 0 ? 1 : 0));
  return view;
}

const scope = (namespace: string) => ({ source: 'k8s' as never, namespace, group: '' });
const record = (view: Collector, name: string): ServiceRecord | undefined =>
  [...view.services.values()].find(({ key }) => key.name === name);
const only = (view: Collector, name: string): Endpoint | undefined => view.endpoints(name)[0];

/** A Service with one Pod behind one slice. */
function shop(name: string, address: string, more: { labels?: Record<string, string>; node?: string } = {}): void {
  api.put(SERVICES, serviceObject('shop', name));
  api.put(
    PODS,
    podObject('shop', {
      address,
      labels: { app: name, ...more.labels },
      ...(more.node === undefined ? {} : { node: more.node }),
    }),
  );
  const slice = sliceObject('shop', name, { address, port: 8080 });
  const endpoints = slice.endpoints?.map((endpoint) => ({
    ...endpoint,
    ...(more.node === undefined ? {} : { nodeName: more.node }),
  }));
  api.put(ENDPOINT_SLICES, { ...slice, ...(endpoints === undefined ? {} : { endpoints }) });
}

test('a Service is a record: host, declared port, cluster IP, namespace, and its Pod’s labels, place and identity', async () => {
  api.put(NODES, {
    metadata: { name: 'n1', labels: { 'topology.kubernetes.io/region': 'eu', 'topology.kubernetes.io/zone': 'eu-1' } },
  });
  const labels = { 'security.istio.io/tlsMode': 'istio', 'topology.istio.io/network': 'net-1', version: 'v1' };
  shop('orders', '10.1.0.1', { node: 'n1', labels });
  api.put(SERVICES, {
    ...serviceObject('shop', 'orders', [{ name: 'http-web', port: 80 }], {
      spec: { clusterIP: '10.96.0.10', ipFamilies: ['IPv4'] },
    }),
    metadata: { namespace: 'shop', name: 'orders', annotations: { 'networking.istio.io/exportTo': '., payments' } },
  });
  api.put(
    ENDPOINT_SLICES,
    sliceOf(
      'shop',
      'orders',
      'orders-pod-10-1-0-1-8080',
      [{ name: 'http-web', port: 8080 }],
      [{ addresses: ['10.1.0.1'], nodeName: 'n1', targetRef: { kind: 'Pod', name: 'pod-10-1-0-1' } }],
    ),
  );
  const view = await live();
  expect(record(view, 'orders')).toEqual({
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
    for (let n = 0; n < 50; n += 1) shop(`s${n}`, `10.1.1.${n}`);
    const view = await live();
    const before = view.events.length;
    const changed = () =>
      view.events.slice(before).map((event) => (event.kind === 'upsert' ? event.service.key.name : event.kind));
    api.put(ENDPOINT_SLICES, sliceObject('shop', 's7', { address: '10.1.1.7', port: 8080, healthy: false }));
    await view.until('the slice', (v) => only(v, 's7')?.health === 'unhealthy');
    api.put(PODS, podObject('shop', { address: '10.1.1.8', labels: { app: 's8', version: 'v2' } }));
    await view.until('the Pod', (v) => only(v, 's8')?.labels['version'] === 'v2');
    api.put(SERVICES, serviceObject('shop', 's9', [{ name: 'http', port: 81 }]));
    await view.until('the Service', (v) => record(v, 's9')?.ports?.[0]?.number === 81);
    api.remove(SERVICES, 's10', 'shop');
    await view.until('the removal', (v) => !v.has('s10'));
    expect(changed()).toEqual(['s7', 's8', 's9', 'remove']);
  });

  test('of a node that says where it is moves the endpoints on it', async () => {
    shop('orders', '10.1.2.1', { node: 'n1' });
    const view = await live();
    expect(only(view, 'orders')?.locality.zone).toBe('');
    api.put(NODES, { metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'eu-2' } } });
    await view.until('the zone', (v) => only(v, 'orders')?.locality.zone === 'eu-2');
  });

  test('of a Pod that is going takes its endpoints out before the slices say so', async () => {
    shop('orders', '10.1.3.1');
    const view = await live();
    const pod = podObject('shop', { address: '10.1.3.1' });
    api.put(PODS, { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-11-21T15:00:00Z' } });
    await view.until('out', (v) => only(v, 'orders')?.health === 'unhealthy');
  });
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
    api.put(SERVICES, serviceObject('shop', 'orders'));
    api.put(ENDPOINT_SLICES, both('a', 8080, false));
    api.put(ENDPOINT_SLICES, both('b', 8080, true));
    api.put(ENDPOINT_SLICES, both('c', 8081, true));
    const view = await live();
    expect(view.endpoints('orders').map(({ port, health }) => [port, health])).toEqual([
      [8080, 'healthy'],
      [8081, 'healthy'],
    ]);
    expect(record(view, 'orders')?.diagnostics).toEqual([]);
    api.remove(ENDPOINT_SLICES, 'b', 'shop');
    await view.until('the other one', (v) => only(v, 'orders')?.health === 'unhealthy');
  });

  test('that move to another Service leave the first', async () => {
    for (const name of ['orders', 'billing']) api.put(SERVICES, serviceObject('shop', name));
    api.put(ENDPOINT_SLICES, both('a', 8080, true));
    const view = await live();
    expect([view.has('orders'), view.has('billing')]).toEqual([true, false]);
    api.put(ENDPOINT_SLICES, {
      ...both('a', 8080, true),
      metadata: { namespace: 'shop', name: 'a', labels: { 'kubernetes.io/service-name': 'billing' } },
    });
    await view.until('moved', (v) => !v.has('orders') && v.has('billing'));
  });

  test('of the second address family are not a second share of every Pod', async () => {
    api.put(SERVICES, serviceObject('shop', 'dual', undefined, { spec: { clusterIP: 'fd00::1', ipFamilies: ['IPv6', 'IPv4'] } }));
    api.put(ENDPOINT_SLICES, sliceOf('shop', 'dual', 'v4', [{ name: 'http', port: 8080 }], [{ addresses: ['10.1.5.1'] }]));
    api.put(
      ENDPOINT_SLICES,
      sliceOf('shop', 'dual', 'v6', [{ name: 'http', port: 8080 }], [{ addresses: ['fd00:1::0001'] }], 'IPv6'),
    );
    const view = await live();
    expect(view.endpoints('dual').map(({ address }) => address)).toEqual(['fd00:1::1']);
    expect(record(view, 'dual')?.vip).toBe('fd00::1');
  });

  test('written by hand for a Service without selector count, with or without a Pod', async () => {
    api.put(SERVICES, serviceObject('shop', 'legacy', [{ port: 5432 }], { spec: { clusterIP: 'None' } }));
    api.put(
      ENDPOINT_SLICES,
      sliceOf('shop', 'legacy', 'by-hand', [{ port: 5433 }], [{ addresses: ['192.0.2.7'], zone: 'rack-1' }]),
    );
    const view = await live();
    expect(record(view, 'legacy')).toMatchObject({ ports: [{ number: 5432, name: 'tcp-5432', protocol: 'tcp' }] });
    expect(record(view, 'legacy')).not.toHaveProperty('vip');
    expect(only(view, 'legacy')).toMatchObject({
      instanceId: '192.0.2.7:5433',
      port: 5433,
      portName: 'tcp-5432',
      locality: { region: '', zone: 'rack-1', subzone: '' },
      identity: '',
    });
  });

  test('whose Service publishes not-ready addresses are taken at their word', async () => {
    shop('orders', '10.1.6.1');
    const pod = podObject('shop', { address: '10.1.6.1' });
    api.put(PODS, { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-11-21T15:00:00Z' } });
    api.put(SERVICES, serviceObject('shop', 'orders', undefined, { spec: { publishNotReadyAddresses: true } }));
    const view = await live();
    expect(only(view, 'orders')?.health).toBe('healthy');
  });
});

test('two ports of a Service may lead to one port of its Pods', async () => {
  const ports = [
    { name: 'http', port: 80 },
    { name: 'grpc-api', port: 81 },
  ];
  api.put(SERVICES, serviceObject('shop', 'orders', ports));
  const both = ports.map(({ name }) => ({ name, port: 8080 }));
  api.put(ENDPOINT_SLICES, sliceOf('shop', 'orders', 'a', both, [{ addresses: ['10.1.7.1'] }]));
  const view = await live();
  expect(view.endpoints('orders').map(({ port, portName, protocol }) => [port, portName, protocol])).toEqual([
    [8080, 'grpc-api', 'grpc'],
    [8080, 'http', 'http'],
  ]);
});

test('an ExternalName is a DNS endpoint; without ports it is left out with the reason', async () => {
  const external = (name: string, ports: NonNullable<Service['spec']>['ports'] = []): Service =>
    serviceObject('shop', name, ports, { spec: { type: 'ExternalName', externalName: 'db.example.com.' } });
  api.put(SERVICES, external('db', [{ name: 'mysql', port: 3306 }]));
  api.put(SERVICES, external('silent'));
  const view = await live();
  expect(only(view, 'db')).toMatchObject({ address: 'db.example.com', addressType: 'dns', port: 3306, protocol: 'mysql' });
  expect(view.has('silent')).toBe(false);
  expect(view.diagnostics(scope('shop'))).toEqual([
    expect.objectContaining({ code: 'port.invalid', where: 'k8s/shop//silent', remedy: 'list its ports in the Service' }),
  ]);
});

test('UDP and SCTP ports are left out and said; a Service that has no others is left out', async () => {
  api.put(
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
  api.put(ENDPOINT_SLICES, sliceOf('shop', 'dns', 'a', ports, [{ addresses: ['10.1.8.1'] }]));
  api.put(SERVICES, serviceObject('shop', 'syslog', [{ port: 514, protocol: 'UDP' }]));
  const view = await live();
  expect(view.endpoints('dns').map(({ port, portName }) => [port, portName])).toEqual([[53, 'dns-tcp']]);
  expect(record(view, 'dns')?.diagnostics).toEqual([expect.objectContaining({ what: 'port dns (53) is UDP', severity: 'info' })]);
  expect(view.diagnostics(scope('shop'))).toEqual([
    expect.objectContaining({ where: 'k8s/shop//syslog', what: 'port 514 is UDP' }),
  ]);
});

test('what is not asked for, and what Isthmus wrote itself, is left out', async () => {
  for (const name of ['orders', 'orders-test', 'ours']) shop(name, '10.1.9.1');
  api.put(
    SERVICES,
    serviceObject('shop', 'ours', undefined, {
      metadata: { name: 'ours', namespace: 'shop', labels: { 'isthmus.dev/managed-by': 'lab' } },
    }),
  );
  const view = await live({ services: { include: ['shop/*'], exclude: ['*-test'] } });
  expect([...view.services.values()].map(({ key }) => key.name)).toEqual(['orders']);
});

describe('namespaces', () => {
  test('are scopes of their own: one that appears later is syncing, complete and live at once', async () => {
    const view = await live();
    expect(view.status(scope('shop'))).toBeUndefined();
    shop('orders', '10.1.10.1');
    await view.until('orders, live', (v) => v.has('orders') && v.status(scope('shop'))?.state === 'live');
    api.put(SERVICES, serviceObject('quiet', 'syslog', [{ port: 514, protocol: 'UDP' }]));
    await view.until('one with nothing but a diagnostic', (v) => v.diagnostics(scope('quiet')).length === 1);
    await view.until('live', (v) => v.status(scope('quiet'))?.state === 'live');
  });

  test('that are gone since an earlier run are told empty', async () => {
    shop('orders', '10.1.10.1');
    const view = await live({}, { knownScopes: () => [scope('shop'), scope('gone')] });
    expect(view.status(scope('gone'))).toEqual({ state: 'live' });
    expect(
      view.events.some((event) => event.kind === 'snapshot' && event.scope.namespace === 'gone' && event.services.size === 0),
    ).toBe(true);
  });

  test('that are named are read one by one, with rights in them only', async () => {
    shop('orders', '10.1.11.1');
    const view = collect(openKubernetes(api, { namespaces: ['shop', 'other'], workloads: false }));
    open.push(view);
    await view.until('both live', (v) => ['shop', 'other'].every((name) => v.status(scope(name))?.state === 'live'));
    expect(view.has('orders')).toBe(true);
    expect(api.requests.some((line) => line.startsWith('GET /api/v1/services'))).toBe(false);
    expect(api.requests.some((line) => line.includes('/pods'))).toBe(false);
  });
});

test.each([
  ['pods', 'warning', 'Pods cannot be read: '],
  ['nodes', 'info', 'Nodes cannot be read: '],
])('without the right to read %s the rest goes on, and the rule that is missing is said', async (plural, severity, what) => {
  api.forbidden.add(`list ${plural}`);
  shop('orders', '10.1.12.1');
  const view = await live();
  await view.until('orders', (v) => only(v, 'orders')?.address === '10.1.12.1');
  expect(view.diagnostics(scope(''))).toEqual([
    expect.objectContaining({
      code: 'registry.partial',
      severity,
      what: expect.stringContaining(what),
      remedy: `add to the account’s ClusterRole: { apiGroups: [""], resources: ["${plural}"], verbs: [list, watch] }`,
    }),
  ]);
});

test('a list that lacks many Services after a watch expired is one complete read, not a removal of each', async () => {
  for (let n = 0; n < 20; n += 1) shop(`s${n}`, `10.1.13.${n}`);
  const view = await live();
  const before = view.events.length;
  for (let n = 0; n < 15; n += 1) api.changeInSilence(SERVICES, serviceObject('shop', `s${n}`, [{ name: 'http', port: 81 }]));
  api.say({ type: 'ERROR', object: { code: 410, message: 'too old resource version' } });
  await view.until('the changes', (v) => record(v, 's14')?.ports?.[0]?.number === 81);
  expect(new Set(view.events.slice(before).map((event) => event.kind))).toEqual(new Set(['upsert']));
  api.compact();
  await api.stop();
  for (let n = 0; n < 15; n += 1) api.remove(SERVICES, `s${n}`, 'shop');
  await view.until('stale', (v) => v.status(scope('shop'))?.state === 'stale');
  expect(view.services.size).toBe(20);
  await api.start();
  await view.until('live', (v) => v.status(scope('shop'))?.state === 'live');
  expect(view.services.size).toBe(5);
  expect(view.events.filter((event) => event.kind === 'remove')).toEqual([]);
});

test('a kubeconfig that cannot be read is a stale registry that says so, and is tried again', async () => {
  let path = '/nowhere/kubeconfig';
  const { KubernetesSource } = await import('./source.ts');
  const { kubernetesSchema } = await import('./config.ts');
  const config = kubernetesSchema.parse({ name: 'k8s', kind: 'kubernetes' });
  const connect = async () => {
    if (path !== '') throw new Error(`${path} cannot be read`);
    return api.access();
  };
  const source = new KubernetesSource(
    'k8s' as never,
    config,
    { clock: { now: () => 5 }, random: () => 0, baseDir: '.' },
    connect,
  );
  const view = collect(source);
  open.push(view);
  await view.until('stale', (v) => v.status(scope(''))?.state === 'stale');
  expect(view.status(scope(''))).toEqual({ state: 'stale', since: 5, cause: '/nowhere/kubeconfig cannot be read' });
  path = '';
  await view.until('live', (v) => v.status(scope(''))?.state === 'live');
});

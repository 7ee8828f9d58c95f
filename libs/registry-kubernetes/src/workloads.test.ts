import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { SourceStatus, Workload, WorkloadEvent } from '@isthmus/model';
import { NODES, PODS } from '@isthmus/kube';
import { FakeApi } from '@isthmus/kube/testing';
import { collect } from '@isthmus/registry/testing';
import type { KubernetesSource } from './source.ts';
import { podObject } from './testing/objects.ts';
import { openKubernetes } from './testing/scripted-harness.ts';

let api: FakeApi;
const open: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  api = new FakeApi();
  await api.start();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((view) => view.stop()));
  await api.stop();
});

interface View {
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly status: SourceStatus | undefined;
  readonly kinds: readonly string[];
  until(what: string, condition: (view: View) => boolean): Promise<void>;
  stop(): Promise<void>;
}

function follow(source: KubernetesSource): View {
  const abort = new AbortController();
  const kinds: string[] = [];
  let workloads = new Map<string, Workload>();
  let status: SourceStatus | undefined;
  const apply = (event: WorkloadEvent): void => {
    kinds.push(event.kind === 'status' ? event.status.state : event.kind);
    switch (event.kind) {
      case 'snapshot':
        workloads = new Map(event.workloads);
        break;
      case 'upsert':
        workloads.set(event.workload.id, event.workload);
        break;
      case 'remove':
        workloads.delete(event.id);
        break;
      case 'status':
        status = event.status;
        break;
      default:
        event satisfies never;
    }
  };
  const reading = (async () => {
    for await (const event of source.workloads?.(abort.signal) ?? []) apply(event);
  })();
  const view: View = {
    get workloads() {
      return workloads;
    },
    get status() {
      return status;
    },
    kinds,
    until: async (what, condition) => {
      const deadline = Date.now() + 10_000;
      while (!condition(view)) {
        if (Date.now() > deadline) throw new Error(`"${what}" did not come true; ${kinds.join()} ${JSON.stringify(status)}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    stop: async () => {
      abort.abort();
      await reading;
    },
  };
  open.push(view);
  return view;
}

const all = { namespaces: ['*'] };

test('Pods are workloads: address, readiness, controller, place, ports, and only our own annotations', async () => {
  api.put(NODES, {
    metadata: { name: 'n1', labels: { 'topology.kubernetes.io/region': 'eu', 'topology.kubernetes.io/zone': 'eu-1' } },
  });
  const pod = podObject('shop', { address: '10.1.0.1', node: 'n1', serviceAccount: 'orders', name: 'orders-7d9f8-x2x4z' });
  api.put(PODS, {
    ...pod,
    metadata: {
      ...pod.metadata,
      uid: 'u1',
      labels: { app: 'orders', 'pod-template-hash': '7d9f8' },
      annotations: { 'isthmus.dev/service': 'orders', 'kubectl.kubernetes.io/last-applied-configuration': 'x'.repeat(5_000) },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'orders-7d9f8', controller: true }],
    },
    status: { ...pod.status, podIPs: [{ ip: '10.1.0.1' }, { ip: 'fd00::0:1' }] },
  });
  const view = follow(openKubernetes(api, all));
  await view.until('live', (v) => v.status?.state === 'live');
  expect(view.kinds).toEqual(['syncing', 'snapshot', 'live']);
  expect(view.workloads.get('shop/orders-7d9f8-x2x4z')).toEqual({
    id: 'shop/orders-7d9f8-x2x4z',
    uid: 'u1',
    addresses: ['10.1.0.1', 'fd00::1'],
    ready: true,
    terminating: false,
    hostNetwork: false,
    labels: { app: 'orders', 'pod-template-hash': '7d9f8' },
    annotations: { 'isthmus.dev/service': 'orders' },
    owner: 'orders',
    node: 'n1',
    locality: { region: 'eu', zone: 'eu-1', subzone: '' },
    serviceAccount: 'orders',
    ports: [{ name: '', port: 8080 }],
  });
});

describe('a Pod', () => {
  test('that becomes unready, terminates and goes is told each time, and nothing else is', async () => {
    const pod = podObject('shop', { address: '10.1.1.1' });
    const id = `shop/${pod.metadata.name}`;
    api.put(PODS, pod);
    const view = follow(openKubernetes(api, all));
    await view.until('live', (v) => v.status?.state === 'live');
    await view.until('the watches are open', () => api.watches === 2);
    api.put(PODS, { ...pod, status: { ...pod.status, startTime: 'later' } as never }); // of no interest
    api.put(PODS, podObject('shop', { address: '10.1.1.1', ready: false }));
    await view.until('unready', (v) => v.workloads.get(id)?.ready === false);
    api.put(PODS, { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-11-21T15:00:00Z' } });
    await view.until('terminating', (v) => v.workloads.get(id)?.terminating === true);
    api.remove(PODS, pod.metadata.name, 'shop');
    await view.until('gone', (v) => !v.workloads.has(id));
    expect(view.kinds.slice(3)).toEqual(['upsert', 'upsert', 'remove']);
  });

  test('that has ended has no address any more: another may have got it', async () => {
    const pod = podObject('shop', { address: '10.1.1.2' });
    api.put(PODS, { ...pod, status: { ...pod.status, phase: 'Succeeded' } });
    const view = follow(openKubernetes(api, all));
    await view.until('live', (v) => v.status?.state === 'live');
    expect([...view.workloads.values()].map(({ addresses, ready }) => [addresses, ready])).toEqual([[[], false]]);
  });

  test('moves with its node’s labels', async () => {
    api.put(PODS, podObject('shop', { address: '10.1.1.3', node: 'n1' }));
    const view = follow(openKubernetes(api, all));
    await view.until('live', (v) => v.status?.state === 'live');
    await view.until('the watches are open', () => api.watches === 2);
    api.put(NODES, { metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z' } } });
    await view.until('there', (v) => [...v.workloads.values()][0]?.locality.zone === 'z');
  });
});

test('with some namespaces only the view is partial: an address without a Pod may be another’s', async () => {
  const view = follow(openKubernetes(api, { namespaces: ['shop', 'pay'] }));
  await view.until('partial', (v) => v.status?.state === 'partial');
  expect(view.status).toEqual({ state: 'partial', cause: 'Pods of the namespaces shop, pay only' });
});

test('an API server that is gone is stale and takes nobody away; afterwards there is a complete list', async () => {
  api.put(PODS, podObject('shop', { address: '10.1.2.1' }));
  const view = follow(openKubernetes(api, all));
  await view.until('live', (v) => v.status?.state === 'live');
  await api.stop();
  await view.until('stale', (v) => v.status?.state === 'stale');
  expect(view.workloads.size).toBe(1);
  api.wipe();
  await api.start();
  await view.until('live again', (v) => v.status?.state === 'live');
  expect(view.workloads.size).toBe(0);
  // Stale may be said again with another cause (reset, then refused), and a list again by another of the watches that come back.
  const turns = view.kinds.filter((kind, n) => kind !== view.kinds[n - 1]).join(' ');
  expect(turns).toMatch(/^syncing snapshot live stale( snapshot live)+$/);
});

test('without the right to read Pods it is stale and says which rule is missing', async () => {
  api.forbidden.add('list pods');
  const view = follow(openKubernetes(api, all));
  await view.until('stale', (v) => v.status?.state === 'stale');
  expect(view.status).toMatchObject({ cause: expect.stringContaining('resources: ["pods"], verbs: [list, watch]') });
});

test('both feeds share one connection’s watches, whoever comes first and whoever leaves first', async () => {
  api.put(PODS, podObject('shop', { address: '10.1.3.1' }));
  const source = openKubernetes(api, all);
  const services = collect(source);
  await services.until('live', (v) => v.status({ source: 'k8s' as never, namespace: '', group: '' })?.state === 'live');
  const view = follow(source);
  await view.until('live', (v) => v.status?.state === 'live');
  expect(view.workloads.size).toBe(1);
  const podLists = () => api.requests.filter((line) => line.startsWith('GET /api/v1/pods?limit')).length;
  expect(podLists()).toBe(1);
  await services.stop();
  expect(services.violations).toEqual([]);
  api.put(PODS, podObject('shop', { address: '10.1.3.2' }));
  await view.until('the second', (v) => v.workloads.size === 2);
  expect(podLists()).toBe(1);
  await view.stop();
  await view.until('no connection is left', () => api.connections === 0);
});

test('where the config says that Pods are not read there is no such feed', () => {
  expect(openKubernetes(api, { workloads: false }).workloads).toBeUndefined();
});

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '@isthmus/model';
import { ENDPOINT_SLICES, PODS, SERVICES } from '@isthmus/kube';
import { FakeApi } from '@isthmus/kube/testing';
import type { Finding } from '@isthmus/registry';
import { kubernetesSchema } from './config.ts';
import { kubernetesDoctor } from './doctor.ts';
import { podName, podObject, serviceObject, sliceObject } from './testing/objects.ts';

let api: FakeApi;
beforeEach(async () => {
  api = new FakeApi();
  await api.start();
});
afterEach(() => api.stop());

function examine(fields: Readonly<Record<string, unknown>> = {}, token = 'right'): Promise<readonly Finding[]> {
  const config = kubernetesSchema.parse({ name: 'k8s', kind: 'kubernetes', timeout: '2s', ...fields });
  const deps = { clock: systemClock, random: Math.random, baseDir: '.' };
  return kubernetesDoctor('k8s' as never, config, deps, new AbortController().signal, async () => api.access(token));
}

const bad = (findings: readonly Finding[]): readonly Finding[] => findings.filter(({ level }) => level !== 'ok');

test('a cluster in order: version and what was read', async () => {
  api.put(SERVICES, serviceObject('shop', 'orders'));
  api.put(PODS, podObject('shop', { address: '10.1.0.1', labels: { app: 'orders' } }));
  api.put(ENDPOINT_SLICES, sliceObject('shop', 'orders', { address: '10.1.0.1', port: 8080 }));
  expect(await examine()).toEqual([
    { level: 'ok', what: `Kubernetes v1.36.3 at ${api.url} answers` },
    { level: 'ok', what: '1 Services, 1 ready endpoints, 1 Pods read' },
  ]);
});

test('rights that are missing are named with the rule to add; Nodes are not vital', async () => {
  for (const rule of ['watch endpointslices', 'list nodes', 'watch nodes']) api.forbidden.add(rule);
  expect(bad(await examine())).toEqual([
    {
      level: 'warning',
      what: 'the account may not list and watch nodes in the whole cluster; localities have no region then',
      remedy: 'add to its ClusterRole: { apiGroups: [""], resources: ["nodes"], verbs: [list, watch] }',
    },
    {
      level: 'error',
      what: 'the account may not list and watch endpointslices in the whole cluster',
      remedy: 'add to its ClusterRole: { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: [list, watch] }',
    },
  ]);
  api.forbidden.clear();
  api.forbidden.add('list pods');
  const [finding] = bad(await examine({ namespaces: ['shop'] }));
  expect(finding?.remedy).toBe('add to its Role there: { apiGroups: [""], resources: ["pods"], verbs: [list, watch] }');
  expect(bad(await examine({ namespaces: ['shop'], workloads: false }))).toEqual([]);
});

test('what will surprise in a mesh: port names, Pods in several Services, Pods without app label, UDP', async () => {
  const ports = [
    { name: 'http2foo', port: 80 },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ];
  api.put(SERVICES, serviceObject('shop', 'orders', ports));
  api.put(SERVICES, serviceObject('shop', 'orders-canary'));
  api.put(PODS, podObject('shop', { address: '10.1.0.1', labels: { tier: 'web' } }));
  for (const name of ['orders', 'orders-canary'])
    api.put(ENDPOINT_SLICES, sliceObject('shop', name, { address: '10.1.0.1', port: 8080 }));
  const what = bad(await examine()).map((finding) => `${finding.what} → ${finding.remedy}`);
  expect(what).toEqual([
    'port names that look like a protocol and are none, so the ports are TCP: shop/orders name "http2foo" → write <protocol>-<anything>, such as http2-foo, or set appProtocol',
    expect.stringContaining(`: shop/${podName('10.1.0.1')} (orders, orders-canary) → give each Pod one Service`),
    expect.stringContaining(`go by: shop/${podName('10.1.0.1')} → add the label app`),
    'ports that the mesh cannot carry are left out: shop/orders dns (UDP) → reach them without the mesh',
  ]);
});

test('a clock that is off', async () => {
  api.clockSkewMs = -120_000;
  expect(bad(await examine())[0]?.what).toMatch(/^the API server's clock is 1(19|20|21) s behind ours$/);
});

test('a wrong token, a server that is gone, one that hangs', async () => {
  expect(await examine({}, 'wrong')).toEqual([
    expect.objectContaining({ level: 'error', what: expect.stringContaining('401'), remedy: expect.stringContaining('token') }),
  ]);
  api.hang();
  expect(await examine({ timeout: '100ms' })).toEqual([
    expect.objectContaining({ level: 'error', what: expect.stringContaining('did not answer') }),
  ]);
  await api.stop();
  expect(await examine()).toEqual([expect.objectContaining({ level: 'error', what: expect.stringContaining('ECONNREFUSED') })]);
});

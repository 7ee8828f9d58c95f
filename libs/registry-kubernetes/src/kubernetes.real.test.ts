import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parseSourceId, steadyClock } from '@isthmus/model';
import type { Clock, Scope, WorkloadEvent } from '@isthmus/model';
import { ENDPOINT_SLICES, NODES, PODS, SERVICES } from '@isthmus/kube';
import type { KubeObject } from '@isthmus/kube';
import type { Finding } from '@isthmus/registry';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { freePorts, startKubernetes } from '@isthmus/servers';
import type { KubernetesServer } from '@isthmus/servers';
import { kubernetesSchema } from './config.ts';
import { kubernetesDoctor } from './doctor.ts';
import { podName, podObject, serviceObject, sliceObject, sliceOf } from './testing/objects.ts';
import { Cluster, LEAST_RIGHTS, openReal } from './testing/real-harness.ts';

const patient = 120_000;
const deadline = 30_000;

let server: KubernetesServer;
let cluster: Cluster;
let directory: string;
const open: Collector[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-kubernetes-'));
  server = await startKubernetes({ users: { reader: [], poor: [] } });
  cluster = new Cluster(server);
  await server.grant('reader', LEAST_RIGHTS);
  await cluster.namespace('shop');
}, 600_000);
afterEach(async () => {
  await Promise.all(open.map((view) => view.stop()));
  expect(open.splice(0).flatMap((view) => view.violations)).toEqual([]);
});
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, patient);

const scope = (namespace: string): Scope => ({ source: parseSourceId('k8s'), namespace, group: '' });

async function follow(user = 'reader', fields: Readonly<Record<string, unknown>> = {}): Promise<Collector> {
  const view = collect(await openReal(server, user, fields));
  open.push(view);
  return view;
}

const record = (view: Collector, name: string) => [...view.services.values()].find(({ key }) => key.name === name);

test(
  'Services as the API server completes them: dual stack, headless, by hand, external, several ports',
  async () => {
    const labels = { 'topology.kubernetes.io/region': 'eu', 'topology.kubernetes.io/zone': 'eu-1' };
    await cluster.apply(NODES, { metadata: { name: 'n1', labels } });
    const ports = [
      { name: 'web', port: 80, targetPort: 8080, appProtocol: 'kubernetes.io/h2c' },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ];
    const dual = { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] };
    await cluster.apply(SERVICES, serviceObject('shop', 'dual', ports as never, { spec: dual as never }));
    await cluster.apply(SERVICES, serviceObject('shop', 'headless', [{ port: 5432 }], { spec: { clusterIP: 'None' } }));
    const external = { type: 'ExternalName', externalName: 'db.example.com' };
    await cluster.apply(SERVICES, serviceObject('shop', 'external', [{ name: 'mysql', port: 3306 }], { spec: external }));
    await cluster.apply(PODS, podObject('shop', { address: '10.2.0.1', node: 'n1', labels: { app: 'dual' } }));
    const of = { kind: 'Pod', namespace: 'shop', name: podName('10.2.0.1') };
    const [v6, v4] = [
      sliceOf(
        'shop',
        'dual',
        'dual-6',
        [{ name: 'web', port: 8080 }],
        [{ addresses: ['fd00:2::1'], nodeName: 'n1', targetRef: of }],
        'IPv6',
      ),
      sliceOf(
        'shop',
        'dual',
        'dual-4',
        [{ name: 'web', port: 8080 }],
        [{ addresses: ['10.2.0.1'], nodeName: 'n1', targetRef: of }],
      ),
    ];
    for (const slice of [v6, v4]) await cluster.apply(ENDPOINT_SLICES, slice);
    await cluster.apply(
      ENDPOINT_SLICES,
      sliceOf('shop', 'headless', 'by-hand', [{ port: 5433 }], [{ addresses: ['192.0.2.7'] }]),
    );

    const view = await follow();
    await view.until('live', (v) => v.status(scope('shop'))?.state === 'live', deadline);
    expect(record(view, 'dual')).toMatchObject({
      host: 'dual.shop.svc.cluster.local',
      ports: [{ number: 80, name: 'web', protocol: 'http2' }],
      vip: expect.stringMatching(/^fd00:10:96::/),
      diagnostics: [{ what: 'port dns (53) is UDP' }],
      endpoints: [
        {
          address: 'fd00:2::1',
          port: 8080,
          locality: { region: 'eu', zone: 'eu-1' },
          labels: { app: 'dual' },
          health: 'healthy',
        },
      ],
    });
    expect(record(view, 'headless')).toMatchObject({ endpoints: [{ address: '192.0.2.7', port: 5433, protocol: 'tcp' }] });
    expect(record(view, 'headless')?.vip).toBeUndefined();
    expect(record(view, 'external')?.endpoints).toMatchObject([{ address: 'db.example.com', addressType: 'dns', port: 3306 }]);
  },
  patient,
);

test(
  'a right that is given later is used from then on, without a restart',
  async () => {
    const [pods, ...others] = [
      { apiGroups: [''], resources: ['pods', 'nodes'], verbs: ['list', 'watch'] },
      { apiGroups: [''], resources: ['services'], verbs: ['list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ];
    await cluster.apply(SERVICES, serviceObject('shop', 'rights'));
    await cluster.apply(PODS, podObject('shop', { address: '10.2.1.1', labels: { app: 'rights' } }));
    await cluster.apply(ENDPOINT_SLICES, sliceObject('shop', 'rights', { address: '10.2.1.1', port: 8080 }));
    const view = await follow('poor');
    await view.until('stale', (v) => v.status(scope('shop'))?.state === 'stale', deadline);
    expect(view.status(scope('shop'))).toMatchObject({
      cause: expect.stringContaining('add to a Role of the account in namespace shop'),
    });
    await server.grant('poor', others as never);
    await view.until('live', (v) => v.status(scope('shop'))?.state === 'live', deadline);
    expect(view.endpoints('rights')[0]?.labels).toEqual({});
    expect(view.diagnostics(scope('shop')).map(({ what }) => what.split(':')[0])).toEqual([
      'Pods cannot be read',
      'Nodes cannot be read',
    ]);
    await server.grant('poor', [...others, pods] as never);
    await view.until('labels', (v) => v.endpoints('rights')[0]?.labels['app'] === 'rights', deadline);
    await view.until('nothing is wrong any more', (v) => v.diagnostics(scope('shop')).length === 0, deadline);
  },
  patient,
);

describe('Pods as workloads', () => {
  test(
    'become unready, terminate while they still run, and go',
    async () => {
      await cluster.apply(NODES, { metadata: { name: 'n2' } });
      const name = podName('10.2.2.1');
      const id = `shop/${name}`;
      await cluster.apply(PODS, podObject('shop', { address: '10.2.2.1', node: 'n2', labels: { app: 'w' } }));
      const source = await openReal(server, 'reader', { namespaces: ['*'] });
      const abort = new AbortController();
      const seen: string[] = [];
      const steps: Record<string, () => Promise<void>> = {
        ready: () =>
          cluster.apply(PODS, podObject('shop', { address: '10.2.2.1', node: 'n2', labels: { app: 'w' }, ready: false })),
        unready: async () => void (await server.must({ method: 'DELETE', path: `/api/v1/namespaces/shop/pods/${name}` })),
        terminating: () => cluster.remove(PODS, 'shop', name),
        gone: async () => abort.abort(),
      };
      const timer = setTimeout(() => abort.abort(), deadline);
      for await (const event of source.workloads?.(abort.signal) ?? []) {
        const state = stateOf(event, id);
        if (state === undefined || state === seen.at(-1)) continue;
        seen.push(state);
        await steps[state]?.();
      }
      clearTimeout(timer);
      expect(seen).toEqual(['ready', 'unready', 'terminating', 'gone']);
    },
    patient,
  );
});

function stateOf(event: WorkloadEvent, id: string): string | undefined {
  if (event.kind === 'remove') return event.id === id ? 'gone' : undefined;
  const workload = event.kind === 'snapshot' ? event.workloads.get(id) : event.kind === 'upsert' ? event.workload : undefined;
  if (workload?.id !== id) return undefined;
  return workload.terminating ? 'terminating' : workload.ready ? 'ready' : 'unready';
}

async function examine(
  user: Parameters<KubernetesServer['kubeconfigFor']>[0],
  fields: Readonly<Record<string, unknown>> = {},
  clock: Clock = steadyClock,
): Promise<readonly Finding[]> {
  const kubeconfig = await server.kubeconfigFor(user);
  const config = kubernetesSchema.parse({ name: 'k8s', kind: 'kubernetes', kubeconfig, ...fields });
  return kubernetesDoctor(
    parseSourceId('k8s'),
    config,
    { clock, random: Math.random, baseDir: '/' },
    new AbortController().signal,
  );
}

test(
  'doctor finds nothing wrong with the least rights, and names what is missing from less',
  async () => {
    const findings = await examine('reader');
    expect(findings[0]).toEqual({ level: 'ok', what: `Kubernetes v1.36.3 at ${server.url} answers` });
    expect(findings.filter(({ level }) => level === 'error')).toEqual([]);
    await server.grant('poor', []);
    const missing = (await examine('poor')).filter(({ level }) => level !== 'ok');
    expect(missing.map(({ level, remedy }) => `${level}: ${remedy}`)).toEqual([
      'error: add to its ClusterRole: { apiGroups: [""], resources: ["services"], verbs: [list, watch] }',
      'error: add to its ClusterRole: { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: [list, watch] }',
      'error: add to its ClusterRole: { apiGroups: [""], resources: ["pods"], verbs: [list, watch] }',
      'warning: add to its ClusterRole: { apiGroups: [""], resources: ["nodes"], verbs: [list, watch] }',
    ]);
  },
  patient,
);

test(
  'doctor names what will surprise in a mesh: port names, UDP, Pods in several Services, Pods without app label',
  async () => {
    await cluster.namespace('odd');
    const ports = [
      { name: 'http2foo', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ];
    await cluster.apply(SERVICES, serviceObject('odd', 'orders', ports));
    await cluster.apply(SERVICES, serviceObject('odd', 'orders-canary'));
    await cluster.apply(PODS, podObject('odd', { address: '10.2.9.1', labels: { tier: 'web' } }));
    for (const name of ['orders', 'orders-canary'])
      await cluster.apply(ENDPOINT_SLICES, sliceObject('odd', name, { address: '10.2.9.1', port: 8080 }));
    const said = (await examine('reader', { namespaces: ['odd'] })).filter(({ level }) => level === 'warning');
    const pod = `odd/${podName('10.2.9.1')}`;
    expect(said.map(({ what }) => what)).toEqual([
      expect.stringContaining(': odd/orders name "http2foo"'),
      expect.stringContaining(`: ${pod} (orders, orders-canary)`),
      expect.stringContaining(`go by: ${pod}`),
      expect.stringContaining(': odd/orders dns (UDP)'),
    ]);
  },
  patient,
);

test(
  'doctor names a wrong token, an authority that is not trusted, a server that is not there, and a clock that is off',
  async () => {
    const bad = async (...args: Parameters<typeof examine>) => {
      const found = (await examine(...args)).filter(({ level }) => level !== 'ok');
      return found.map(({ level, what, remedy }) => `${level}: ${what} → ${remedy}`).join('\n');
    };
    expect(await bad({ token: 'nobodys' })).toMatch(/^error: .*401.* → .*token/);
    const changed = async (from: RegExp, to: string): Promise<string> => {
      const file = join(directory, 'kubeconfig');
      await writeFile(file, (await readFile(await server.kubeconfigFor('reader'), 'utf8')).replace(from, to), { mode: 0o600 });
      return file;
    };
    const untrusted = await changed(/certificate-authority(-data)?: .*/, 'tls-server-name: 127.0.0.1');
    expect(await bad('reader', { kubeconfig: untrusted })).toMatch(/^error: .*certificate.* → .*certificate-authority/);
    const [port = 0] = await freePorts(1);
    const nowhere = await changed(/server: .*/, `server: https://127.0.0.1:${port}`);
    expect(await bad('reader', { kubeconfig: nowhere })).toMatch(/^error: .*ECONNREFUSED/);
    const late = { ...steadyClock, now: () => steadyClock.now() + 120_000 };
    expect(await bad('reader', { namespaces: ['shop'] }, late)).toMatch(
      /^warning: the API server's clock is 1[12]\d s behind ours → .*NTP/,
    );
  },
  patient,
);

test(
  'a namespace that is deleted takes its Services with it',
  async () => {
    await cluster.namespace('short-lived');
    await cluster.apply(SERVICES, serviceObject('short-lived', 'brief'));
    await cluster.apply(ENDPOINT_SLICES, sliceObject('short-lived', 'brief', { address: '10.2.3.1', port: 8080 }));
    const view = await follow('reader', { namespaces: ['*'] });
    await view.until('brief', (v) => v.has('brief') && v.status(scope('short-lived'))?.state === 'live', deadline);
    const gone: readonly [typeof SERVICES, KubeObject][] = [
      [ENDPOINT_SLICES, sliceObject('short-lived', 'brief', { address: '10.2.3.1', port: 8080 })],
      [SERVICES, serviceObject('short-lived', 'brief')],
    ];
    // Deleting its objects is the work of a controller, which is not here.
    for (const [resource, { metadata }] of gone) await cluster.remove(resource, 'short-lived', metadata.name);
    await view.until('gone', (v) => !v.has('brief'), deadline);
    expect(view.status(scope('short-lived'))).toEqual({ state: 'live' });
  },
  patient,
);

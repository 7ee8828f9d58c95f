import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { KubeClient, openAccess } from '@isthmus/kube';
import { soleWriter } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { startKubernetes } from '@isthmus/servers';
import type { KubernetesServer } from '@isthmus/servers';
import { istioObjects } from '@isthmus/translate';
import type { Render } from '../object-output.ts';
import { fullService as service } from '../testing/full-service.ts';
import { Hosts } from '../testing/hosts.ts';
import { KubernetesOutput } from './kubernetes-output.ts';
import type { KubernetesOutputOptions } from './kubernetes-output.ts';

jest.setTimeout(180_000);

interface ServiceEntry {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly managedFields: readonly { readonly manager: string; readonly operation: string }[];
  };
  readonly spec: {
    readonly endpoints?: readonly { readonly address: string; readonly weight?: number }[];
    readonly resolution: string;
  };
}

// A real kube-apiserver on a real etcd, with Istio's CRDs: what they say no to, and who owns which field, is the question here.
let cluster: KubernetesServer;
const clients: KubeClient[] = [];
let stop = new AbortController();
let running: Promise<void>[] = [];

beforeAll(async () => {
  cluster = await startKubernetes({ istioCrds: true, users: { bridge: [] } });
}, 900_000); // it may have to be built first

afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  running = [];
  stop = new AbortController();
});

afterAll(async () => {
  for (const client of clients) client.close();
  await cluster?.stop();
}, 60_000);

async function clientOf(kubeconfig = cluster.kubeconfig): Promise<KubeClient> {
  const client = new KubeClient(await openAccess({ kubeconfig }));
  clients.push(client);
  return client;
}

async function start(namespace: string, render: Render, more: Partial<KubernetesOutputOptions> = {}): Promise<KubernetesOutput> {
  const output = new KubernetesOutput({
    name: `kubernetes k8s/${namespace}`,
    client: more.client ?? (await clientOf()),
    meshId: 'shop',
    render,
    namespace,
    callerNamespaces: [],
    createNamespaces: true,
    rate: { perSecond: 200, burst: 200 },
    writer: soleWriter,
    maxRemovalPercent: 50,
    confirmAfterMs: 60_000,
    ...more,
  });
  running.push(output.run(stop.signal));
  return output;
}

const pathOf = (namespace: string, name = ''): string =>
  `/apis/networking.istio.io/v1/namespaces/${namespace}/serviceentries${name === '' ? '' : `/${name}`}`;
const entries = async (namespace: string) =>
  ((await cluster.must({ path: pathOf(namespace) })) as { readonly items: readonly ServiceEntry[] }).items;
const entry = async (namespace: string, name: string) => (await entries(namespace)).find((one) => one.metadata.name === name);
const sizeOf = async (namespace: string, name: string) => (await entry(namespace, name))?.spec.endpoints?.length;
const settled = (output: KubernetesOutput) => until('everything is written', () => output.pending === 0, 120_000);

describe('a real API server', () => {
  test('takes what we apply, keeps it as it is, and is written to no second time after a restart', async () => {
    const services = [
      service('orders.nacos', 30),
      service('v6.nacos', 5),
      service('vm.nacos', 1, 'dns'),
      service('empty.nacos', 0),
    ];
    const render: Render = (host) => services.filter((one) => one.host === host).flatMap((one) => istioObjects(one).objects);
    const hosts = services.map((one) => one.host);
    const first = await start('restart', render);
    first.touch(hosts);
    await settled(first);
    expect(first.diagnostics()).toEqual([]);
    const before = await entries('restart');
    expect(before).toHaveLength(8); // two ports each
    expect(before[0]?.metadata.managedFields.map((m) => `${m.manager} ${m.operation}`)).toEqual(['isthmus Apply']);
    expect(before[0]?.metadata.labels).toMatchObject({ 'isthmus.dev/managed-by': 'isthmus', 'isthmus.dev/mesh': 'shop' });
    stop.abort();
    stop = new AbortController();
    const second = await start('restart', render);
    second.touch(hosts);
    second.complete(true);
    await settled(second);
    const versions = (list: readonly ServiceEntry[]) =>
      list.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`);
    expect(versions(await entries('restart'))).toEqual(versions(before));
    const plan = await second.plan(hosts, stop.signal);
    expect([plan.creates, plan.updates, plan.deletes, plan.diagnostics]).toEqual([[], [], [], []]);
    expect(plan.unchanged).toBe(8);
  });

  test('takes a service of 5,000 endpoints on each of two ports in shards, and a change of one endpoint writes one of them', async () => {
    let huge = service('huge.nacos', 10_000);
    const render: Render = () => istioObjects(huge).objects;
    const output = await start('huge', render);
    output.touch([huge.host]);
    await settled(output);
    expect(output.diagnostics()).toEqual([]);
    const before = await entries('huge');
    expect(before.reduce((sum, one) => sum + (one.spec.endpoints?.length ?? 0), 0)).toBe(10_000);
    expect(before).toHaveLength(4);
    const [one, ...rest] = huge.endpoints;
    if (one === undefined) throw new Error('no endpoint');
    huge = { ...huge, endpoints: [{ ...one, endpoint: { ...one.endpoint, weight: 7 } }, ...rest] };
    output.touch([huge.host]);
    await settled(output);
    const known = new Map(before.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
    const changed = (await entries('huge')).filter(({ metadata }) => known.get(metadata.name) !== metadata.resourceVersion);
    expect(changed).toHaveLength(1);
  });

  test('what somebody edits is set back, with their name; what somebody deletes comes back; what others add to it stays', async () => {
    const hosts = new Hosts();
    const output = await start('drift', hosts.render);
    output.touch([hosts.set('edited.nacos', 2), hosts.set('deleted.nacos', 1), hosts.set('annotated.nacos', 1)]);
    await settled(output);
    await cluster.must({
      method: 'PATCH',
      path: `${pathOf('drift', 'edited.nacos')}?fieldManager=kubectl-edit`,
      body: { spec: { endpoints: [{ address: '9.9.9.9' }] } },
    });
    await cluster.must({
      method: 'PATCH',
      path: pathOf('drift', 'annotated.nacos'),
      body: { metadata: { annotations: { note: 'hi' } } },
    });
    await cluster.must({ method: 'DELETE', path: pathOf('drift', 'deleted.nacos') });
    await until('it is set back', async () => (await sizeOf('drift', 'edited.nacos')) === 2, 30_000);
    await until('it is back', async () => (await sizeOf('drift', 'deleted.nacos')) === 1, 30_000);
    expect(output.diagnostics()).toMatchObject([
      {
        code: 'output.conflict',
        severity: 'warning',
        where: 'ServiceEntry drift/edited.nacos',
        what: expect.stringContaining('kubectl-edit'),
      },
    ]);
    expect((await entry('drift', 'annotated.nacos'))?.metadata).toMatchObject({ annotations: { note: 'hi' } });
  });

  test('leftovers go with the gate open: ours, and nobody else’s, not even with labels that were copied from ours', async () => {
    const hosts = new Hosts();
    const first = await start('gc', hosts.render);
    first.touch([hosts.set('old.nacos', 1), hosts.set('kept.nacos', 1)]);
    await settled(first);
    const copy = await entry('gc', 'old.nacos');
    const theirs = (name: string, labels: Readonly<Record<string, string>>) => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: { name, namespace: 'gc', labels },
      spec: { hosts: ['a.b'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' },
    });
    await cluster.must({ method: 'POST', path: pathOf('gc'), body: theirs('copied', copy?.metadata.labels ?? {}) });
    await cluster.must({ method: 'POST', path: pathOf('gc'), body: theirs('theirs', {}) });
    stop.abort();
    stop = new AbortController();
    hosts.set('old.nacos', 0);
    const second = await start('gc', hosts.render);
    second.touch(hosts.all);
    second.complete(true);
    await until('the leftover is gone', async () => (await entry('gc', 'old.nacos')) === undefined, 30_000);
    await settled(second);
    expect((await entries('gc')).map((one) => one.metadata.name)).toEqual(['copied', 'kept.nacos', 'theirs']);
  });

  test('the rights that the documentation lists are enough, and one that is missing is named', async () => {
    const verbs = ['list', 'watch', 'get', 'create', 'patch', 'delete'];
    const rule = (without = '') => ({
      apiGroups: ['networking.istio.io'],
      resources: ['serviceentries'],
      verbs: verbs.filter((verb) => verb !== without),
    });
    await cluster.must({
      method: 'POST',
      path: '/api/v1/namespaces',
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'rights' } },
    });
    await cluster.grant('bridge', [rule('patch')]);
    const hosts = new Hosts();
    const client = await clientOf(await cluster.kubeconfigFor('bridge'));
    const output = await start('rights', hosts.render, { client, createNamespaces: false });
    output.touch([hosts.set('orders.nacos', 1)]);
    const missing = () => output.diagnostics().find((d) => d.where === 'ServiceEntry rights/orders.nacos');
    await until('it is said', () => missing() !== undefined, 30_000);
    expect(missing()).toMatchObject({
      code: 'output.unwritable',
      what: expect.stringContaining('403'),
      remedy: expect.stringContaining('{ apiGroups: ["networking.istio.io"], resources: ["serviceentries"], verbs: [patch] }'),
    });
    await cluster.grant('bridge', [rule()]);
    await settled(output);
    expect(output.diagnostics()).toEqual([]);
    output.touch([hosts.set('orders.nacos', 0)]);
    await until('it is gone', async () => (await entries('rights')).length === 0, 30_000);
  });

  test('a namespace that does not exist is said, and used when it is made', async () => {
    const hosts = new Hosts();
    const output = await start('absent', hosts.render, { createNamespaces: false });
    output.touch([hosts.set('orders.nacos', 1)]);
    await until('it is said', () => output.diagnostics().length > 0, 30_000);
    expect(output.diagnostics()).toMatchObject([{ code: 'output.refused', remedy: expect.stringContaining('createNamespaces') }]);
    await cluster.must({
      method: 'POST',
      path: '/api/v1/namespaces',
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'absent' } },
    });
    await settled(output);
    expect(await sizeOf('absent', 'orders.nacos')).toBe(1);
    expect(output.diagnostics()).toEqual([]);
  });

  test('an object that the CRD refuses is said with the API server’s reason, and costs no other', async () => {
    const hosts = new Hosts();
    const render: Render = (host) => {
      const [object] = hosts.render(host);
      if (object === undefined) return [];
      return host === 'bad.nacos' ? [{ ...object, spec: { ...(object.spec as object), hosts: [] } }] : [object];
    };
    const output = await start('refused', render);
    output.touch([hosts.set('bad.nacos', 1), hosts.set('good.nacos', 1)]);
    await until('it is said', () => output.diagnostics().length > 0, 30_000);
    await until('the other is there', async () => (await sizeOf('refused', 'good.nacos')) === 1, 30_000);
    expect(output.diagnostics()).toMatchObject([
      { code: 'output.refused', where: 'ServiceEntry refused/bad.nacos', what: expect.stringContaining('spec.hosts') },
    ]);
  });

  test('the dry run shows creates, updates and deletes, has the API server judge them, and changes nothing', async () => {
    const hosts = new Hosts();
    const output = await start('dry', hosts.render);
    output.touch([hosts.set('same.nacos', 1), hosts.set('other.nacos', 1), hosts.set('gone.nacos', 1)]);
    await settled(output);
    hosts.set('other.nacos', 3);
    hosts.set('gone.nacos', 0);
    hosts.set('new.nacos', 1);
    const before = JSON.stringify(await entries('dry'));
    const plan = await output.plan(hosts.all, stop.signal);
    expect(plan.creates.map((w) => w.name)).toEqual(['ServiceEntry dry/new.nacos']);
    expect(plan.updates).toMatchObject([{ name: 'ServiceEntry dry/other.nacos', after: expect.stringContaining('10.0.0.2') }]);
    expect(plan.deletes.map((w) => w.name)).toEqual(['ServiceEntry dry/gone.nacos']);
    expect([plan.unchanged, plan.diagnostics]).toEqual([1, []]);
    expect(JSON.stringify(await entries('dry'))).toBe(before);
  });

  // Last: it takes the API server away from everyone.
  test('while the API server is away changes wait, and are written when it is back', async () => {
    const hosts = new Hosts();
    const output = await start('away', hosts.render);
    output.touch([hosts.set('orders.nacos', 1), hosts.set('gone.nacos', 1)]);
    await settled(output);
    await cluster.kill();
    output.touch([hosts.set('orders.nacos', 3), hosts.set('gone.nacos', 0)]);
    await until('it is said', () => output.diagnostics().some((d) => d.code === 'output.unwritable'), 60_000);
    await cluster.restart();
    await settled(output);
    expect((await entries('away')).map((one) => [one.metadata.name, one.spec.endpoints?.length])).toEqual([['orders.nacos', 3]]);
    await until('nothing is wrong any more', () => output.diagnostics().length === 0, 30_000);
  });
});

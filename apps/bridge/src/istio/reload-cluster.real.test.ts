import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseConfig } from '@isthmus/config';
import { NAMESPACES, apiVersionOf, pathOf } from '@isthmus/kube';
import { FileLedger } from '@isthmus/ledger';
import { until } from '@isthmus/model/testing';
import { startKubernetes } from '@isthmus/servers';
import type { KubernetesServer } from '@isthmus/servers';
import type { ResourceView } from '@isthmus/xds';
import { Engine } from '../engine/engine.ts';
import { registryKinds } from '../registries.ts';
import { ISTIO_RESOURCES } from './istio-cluster.ts';
import { routeTimeout, sidecarOf } from './testing/rules-view.ts';

const patient = 120_000;
const HOST = 'api.example.com';
const READS = ['services', 'pods', 'nodes', 'namespaces'];

let server: KubernetesServer;
let directory: string;
let engine: Engine;
let view: ResourceView;
let kubeconfigs: { readonly reader: string; readonly poor: string };

beforeAll(async () => {
  server = await startKubernetes({ istioCrds: true, users: { reader: [], poor: [] } });
  const verbs = ['list', 'watch'];
  const core = [
    { apiGroups: [''], resources: READS, verbs },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs },
  ];
  await server.grant('reader', [...core, { apiGroups: ['networking.istio.io'], resources: ['*'], verbs }]);
  await server.grant('poor', core);
  kubeconfigs = { reader: await server.kubeconfigFor('reader'), poor: await server.kubeconfigFor('poor') };
  for (const name of ['shop', 'other'])
    await server.must({
      method: 'POST',
      path: pathOf(NAMESPACES),
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    });
  const entry = { hosts: [HOST], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'STATIC' };
  for (const namespace of ['shop', 'other'])
    await put('ServiceEntry', namespace, { ...entry, endpoints: [{ address: '10.0.0.1' }] });
  await rule('shop', 3);
  await rule('other', 5);

  directory = await mkdtemp(join(tmpdir(), 'istio-reload-cluster-'));
  await writeFile(join(directory, 'services.yaml'), 'services: []\n');
  await mkdir(join(directory, 'rules'));
  engine = new Engine(config({}), await FileLedger.open(join(directory, 'ledger')));
  engine.start();
  await engine.readiness.ready;
  view = sidecarOf(engine);
}, 600_000);

afterAll(async () => {
  await engine?.stop();
  await server?.stop();
  await rm(directory, { recursive: true });
}, patient);

async function put(kind: string, namespace: string, spec: object): Promise<void> {
  const resource = ISTIO_RESOURCES.find((known) => known.kind === kind);
  if (resource === undefined) throw new Error(`no ${kind}`);
  await server.must({
    method: 'PATCH',
    path: `${pathOf(resource, namespace, 'api')}?fieldManager=test&force=true`,
    contentType: 'application/apply-patch+yaml',
    body: { apiVersion: apiVersionOf(resource), kind, metadata: { name: 'api', namespace }, spec },
  });
}

function rule(namespace: string, seconds: number): Promise<void> {
  const http = [{ timeout: `${seconds}s`, route: [{ destination: { host: HOST } }] }];
  return put('VirtualService', namespace, { hosts: [HOST], http });
}

/** Three registries of one cluster: two that see a namespace each, and one that may not read rules. */
function config(istio: object, namespaces: readonly string[] = ['shop']) {
  const kubernetes = { kind: 'kubernetes', kubeconfig: kubeconfigs.reader, heartbeat: '500ms' };
  const text = JSON.stringify({
    version: 1,
    meshId: 'shop',
    registries: [
      { name: 'fixed', kind: 'file', path: 'services.yaml' },
      { ...kubernetes, name: 'k8s', namespaces },
      { ...kubernetes, name: 'second', namespaces: ['other'] },
      { ...kubernetes, name: 'poor', namespaces: ['shop'], kubeconfig: kubeconfigs.poor },
    ],
    istio,
  });
  const parsed = parseConfig(join(directory, 'isthmus.yaml'), new TextEncoder().encode(text), { kinds: registryKinds });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

const seconds = () => routeTimeout(view, HOST);
const objects = () => [...engine.istio.store.objects()].map(({ kind, namespace }) => `${namespace} ${kind}`).sort();
const said = (code: string) => [...engine.diagnostics].filter((each) => each.code === code).map(({ where }) => where);

test(
  'rules of a cluster come when the config names its registry, and are followed; they go when it names none',
  async () => {
    expect([seconds(), objects()]).toEqual([undefined, []]);
    await engine.reconfigure(config({ registry: 'k8s' }));
    await until('the rules', () => seconds() === 3);
    expect(objects()).toEqual(['shop ServiceEntry', 'shop VirtualService']);
    await rule('shop', 4);
    await until('the change', () => seconds() === 4);

    await engine.reconfigure(config({}));
    await until('none', () => seconds() === undefined && objects().length === 0);
    await rule('shop', 3);
    expect([said('config.reload'), said('istio.unreadable')]).toEqual([[], []]);
  },
  patient,
);

test(
  'another registry takes the place of the first once it has been read, and so do other namespaces of it',
  async () => {
    await engine.reconfigure(config({ registry: 'k8s' }));
    await until('the rules of the first', () => seconds() === 3);
    const lost = watchForLoss();
    await engine.reconfigure(config({ registry: 'second' }));
    await until('those of the second', () => seconds() === 5);
    await until('alone', () => objects().join() === 'other ServiceEntry,other VirtualService');
    await engine.reconfigure(config({ registry: 'k8s' }, ['shop', 'other']));
    await until('both', () => objects().length === 4);
    await engine.reconfigure(config({ registry: 'k8s' }, ['shop']));
    await until('the first again', () => seconds() === 3 && objects().join() === 'shop ServiceEntry,shop VirtualService');
    expect([lost(), said('config.reload')]).toEqual([false, []]);
  },
  patient,
);

test(
  'a registry whose rules may not be read takes nothing away, and is said until there is another place',
  async () => {
    const lost = watchForLoss();
    await engine.reconfigure(config({ registry: 'poor' }));
    await until('it is said', () => said('istio.unreadable').length > 0);
    expect([seconds(), objects()]).toEqual([3, ['shop ServiceEntry', 'shop VirtualService']]);
    await writeFile(
      join(directory, 'rules/rules.yaml'),
      JSON.stringify({
        apiVersion: 'networking.istio.io/v1',
        kind: 'ServiceEntry',
        metadata: { name: 'api', namespace: 'shop' },
        spec: { hosts: [HOST], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' },
      }),
    );
    await engine.reconfigure(config({ dir: 'rules' }));
    await until('files alone', () => objects().join() === 'shop ServiceEntry');
    await until('without a rule', () => seconds() === 0);
    expect([lost(), said('istio.unreadable')]).toEqual([false, []]);
    await engine.reconfigure(config({ registry: 'k8s' }));
    await until('the cluster again', () => seconds() === 3);
  },
  patient,
);

/** @returns whether there was a time without a route to the service */
function watchForLoss(): () => boolean {
  let lost = false;
  view.subscribe(() => (lost ||= seconds() === undefined));
  return () => lost;
}

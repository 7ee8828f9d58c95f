import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NAMESPACES, apiVersionOf, pathOf } from '@isthmus/kube';
import { until } from '@isthmus/model/testing';
import { IstioConfigStore } from '@isthmus/policy';
import { startKubernetes } from '@isthmus/servers';
import type { KubernetesServer } from '@isthmus/servers';
import { parseAllDocuments } from 'yaml';
import { proxySettings } from '../control/proxy-settings.ts';
import { ISTIO_RESOURCES, IstioCluster } from './istio-cluster.ts';

const patient = 60_000;
let server: KubernetesServer;
let rules: readonly { readonly apiGroups: string[]; readonly resources: string[]; readonly verbs: string[] }[];

beforeAll(async () => {
  server = await startKubernetes({ istioCrds: true, users: { reader: [], poor: [] } });
  const rbac = parseAllDocuments(
    await readFile(join(import.meta.dirname, '../../../../deploy/kustomize/base/rbac.yaml'), 'utf8'),
  ).map((document) => document.toJS() as { kind: string; metadata: { name: string }; rules: typeof rules });
  rules = rbac.find(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === 'isthmus-istio-reader')?.rules ?? [];
  await server.grant('reader', rules);
  await server.must({
    method: 'POST',
    path: pathOf(NAMESPACES),
    body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
  });
}, 600_000);
afterAll(() => server?.stop(), patient);

async function put(kind: string, name: string, spec: object): Promise<void> {
  const resource = ISTIO_RESOURCES.find((known) => known.kind === kind);
  if (resource === undefined) throw new Error(`no ${kind}`);
  await server.must({
    method: 'PATCH',
    path: `${pathOf(resource, 'shop', name)}?fieldManager=test&force=true`,
    contentType: 'application/apply-patch+yaml',
    body: { apiVersion: apiVersionOf(resource), kind, metadata: { name, namespace: 'shop' }, spec },
  });
}

async function remove(kind: string, name: string): Promise<void> {
  const resource = ISTIO_RESOURCES.find((known) => known.kind === kind);
  if (resource !== undefined) await server.must({ method: 'DELETE', path: pathOf(resource, 'shop', name) });
}

async function follow(user: string) {
  const store = new IstioConfigStore();
  const stop = new AbortController();
  const cluster = new IstioCluster({ access: { kubeconfig: await server.kubeconfigFor(user) }, namespaces: [], store });
  const running = cluster.run(stop.signal);
  const names = () => [...store.objects()].map(({ kind, name }) => `${kind} ${name}`).sort();
  const said = () => [...store.diagnostics()].map(({ code, where, what, meaning }) => `${code} ${where}: ${what}; ${meaning}`);
  const end = async () => {
    stop.abort();
    await running;
  };
  return { store, cluster, names, said, end };
}

const SPECS: Readonly<Record<string, object>> = {
  VirtualService: { hosts: ['orders'], http: [{ route: [{ destination: { host: 'orders' } }] }] },
  DestinationRule: { host: 'orders', trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' } } },
  Gateway: { servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }] },
  ServiceEntry: { hosts: ['api.example.com'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'DNS' },
  WorkloadEntry: { address: '10.0.0.1' },
  WorkloadGroup: { template: {} },
  Sidecar: { egress: [{ hosts: ['./*'] }] },
  ProxyConfig: { concurrency: 2 },
};

test(
  'every kind is read with the rights of the manifests, and followed; a bad object keeps its last good version',
  async () => {
    for (const [kind, spec] of Object.entries(SPECS)) await put(kind, 'one', spec);
    const { store, cluster, names, said, end } = await follow('reader');
    await cluster.loaded;
    expect(names()).toEqual(
      Object.keys(SPECS)
        .map((kind) => `${kind} one`)
        .sort(),
    );
    expect(said()).toEqual([]);
    const [virtual] = store.objects('VirtualService');
    expect(virtual).toMatchObject({ namespace: 'shop', place: 'k8s VirtualService shop/one' });
    expect(virtual?.createdAt).toBeGreaterThan(Date.UTC(2020));
    const workload = { namespace: 'shop', labels: {}, rootNamespace: 'istio-system' };
    expect(proxySettings(store, workload)).toEqual({ concurrency: 2, environmentVariables: {}, diagnostics: [] });

    // The CRD lets it pass; there is no istiod whose webhook would refuse it.
    await put('VirtualService', 'one', { hosts: ['orders'], http: [{ route: [{ destination: { host: '*' } }] }] });
    await until('the diagnostic', () => said().length > 0);
    expect(said()).toEqual([
      'istio.invalid k8s VirtualService shop/one: spec.http[0].route[0].destination.host is "*"; its last good version stays in force',
    ]);
    expect([...store.objects('VirtualService')][0]?.version).toBe(virtual?.version);

    await put('VirtualService', 'one', { hosts: ['payments'], http: [{ route: [{ destination: { host: 'payments' } }] }] });
    await until('the change', () => [...store.objects('VirtualService')][0]?.spec.hosts[0] === 'payments');
    expect(said()).toEqual([]);
    await remove('Sidecar', 'one');
    await until('the removal', () => !names().includes('Sidecar one'));
    await end();
  },
  patient,
);

test(
  'a right that is missing is said with the line that gives it, and the rest is read',
  async () => {
    await server.grant(
      'poor',
      rules.map((rule) => ({ ...rule, resources: rule.resources.filter((name) => name !== 'gateways') })),
    );
    const { cluster, names, said, end } = await follow('poor');
    await cluster.loaded;
    await until('the others', () => names().includes('VirtualService one'));
    expect(names()).not.toContain('Gateway one');
    expect(said()[0]).toMatch(/^istio\.unreadable k8s gateways\.networking\.istio\.io: cannot be read: /);
    await end();
  },
  patient,
);

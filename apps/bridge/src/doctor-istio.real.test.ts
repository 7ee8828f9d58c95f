import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseConfig } from '@isthmus/config';
import { NAMESPACES, pathOf } from '@isthmus/kube';
import type { Finding } from '@isthmus/registry';
import { startKubernetes } from '@isthmus/servers';
import type { KubernetesServer } from '@isthmus/servers';
import { stringify } from 'yaml';
import { examineIstio } from './doctor-istio.ts';
import { examineIstiod } from './doctor-istiod.ts';
import type { OurPod } from './doctor-istiod.ts';
import type { BridgeConfig } from './engine/bridge-config.ts';
import { ISTIO_RESOURCES } from './istio/istio-cluster.ts';
import { registryKinds } from './registries.ts';

const patient = 60_000;
const MESH = '/api/v1/namespaces/istio-system/configmaps/istio';
let server: KubernetesServer;

beforeAll(async () => {
  server = await startKubernetes({ istioCrds: true, users: { reader: [], poor: [] } });
  await server.grant('reader', [
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
    { apiGroups: [...new Set(ISTIO_RESOURCES.map(({ group }) => group))], resources: ['*'], verbs: ['list', 'watch'] },
  ]);
  await server.must({ method: 'POST', path: pathOf(NAMESPACES), body: { metadata: { name: 'istio-system' } } });
}, 600_000);
afterAll(() => server?.stop(), patient);

async function configOf(user: string, sections: object): Promise<BridgeConfig> {
  return configWith([{ name: 'k8s', kind: 'kubernetes', kubeconfig: await server.kubeconfigFor(user) }], sections);
}

function configWith(registries: readonly object[], sections: object): BridgeConfig {
  const text = stringify({ version: 1, meshId: 'shop', registries, ...sections });
  const parsed = parseConfig('isthmus.yaml', Buffer.from(text), { kinds: registryKinds });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

const writeMesh = (configSources: readonly object[]) =>
  server.must({
    method: 'PATCH',
    path: `${MESH}?fieldManager=test&force=true`,
    contentType: 'application/apply-patch+yaml',
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio' }, data: { mesh: stringify({ configSources }) } },
  });

const said = (findings: readonly Finding[]): string =>
  findings.map(({ level, what, remedy = '' }) => `${level}: ${what} -> ${remedy}`).join('\n');

test(
  'the mesh config of istiod: none in the cluster, one that drops k8s://, one that is well, one that may not be read',
  async () => {
    const toIstiod = { outputs: { mcp: { listen: '127.0.0.1:15010' } } };
    const examined = async (user = 'reader') =>
      said(await examineIstiod(await configOf(user, toIstiod), AbortSignal.timeout(patient)));
    expect(await examined()).toMatch(/^warning: istiod drops its implicit Kubernetes source .* -> keep it: .*k8s:\/\//);
    await writeMesh([{ address: 'xds://isthmus:15010' }]);
    expect(await examined()).toMatch(/^error: istiod reads us but no Kubernetes objects any more.* -> add it: .*k8s:\/\//);
    await writeMesh([{ address: 'k8s://' }, { address: 'xds://isthmus:15010' }]);
    expect(await examined()).toMatch(/^ok: istiod reads Kubernetes and an xds:\/\/ source/);
    expect(await examined('poor')).toMatch(
      /^warning: the mesh config of istiod cannot be read .* -> allow `get` on the configmap/,
    );
  },
  patient * 2,
);

test(
  'istiod is found without a registry of kind kubernetes: where the output writes, and in the cluster of our own Pod',
  async () => {
    await writeMesh([{ address: 'xds://isthmus:15010' }]);
    const nacos = [{ name: 'shop', kind: 'nacos', servers: ['http://127.0.0.1:8848'] }];
    const mcp = { listen: '127.0.0.1:15010' };
    const examined = async (outputs: object, pod: OurPod = { env: {} }) =>
      said(await examineIstiod(configWith(nacos, { outputs: { mcp, ...outputs } }), AbortSignal.timeout(patient), pod));
    expect(await examined({})).toMatch(/^warning: istiod drops its implicit Kubernetes source/);
    const kubernetes = { namespace: 'mesh', kubeconfig: await server.kubeconfigFor('reader') };
    expect(await examined({ kubernetes })).toMatch(/^error: istiod reads us but no Kubernetes objects any more/);

    const serviceAccountDir = await mkdtemp(join(tmpdir(), 'isthmus-pod-'));
    try {
      const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(server.ports.https) };
      await writeFile(join(serviceAccountDir, 'token'), server.tokens['reader'] ?? '');
      await copyFile(server.caFile, join(serviceAccountDir, 'ca.crt'));
      expect(await examined({}, { env, serviceAccountDir })).toMatch(/^error: istiod reads us but no Kubernetes objects/);
      await writeFile(join(serviceAccountDir, 'token'), server.tokens['poor'] ?? '');
      expect(await examined({}, { env, serviceAccountDir })).toMatch(/^warning: the mesh config of istiod cannot be read/);
    } finally {
      await rm(serviceAccountDir, { recursive: true });
    }
  },
  patient * 2,
);

test(
  'rights to Istio’s objects: each kind that may not be read is named with its rule',
  async () => {
    const fromCluster = { istio: { registry: 'k8s' }, outputs: { xds: { listen: '127.0.0.1:15012' } } };
    const examined = async (user: string) =>
      said(await examineIstio(await configOf(user, fromCluster), AbortSignal.timeout(patient)));
    expect(await examined('reader')).toBe('ok: all of Istio’s kinds may be listed and watched -> ');
    const missing = (await examined('poor')).split('\n');
    expect(missing).toHaveLength(ISTIO_RESOURCES.length);
    expect(missing[0]).toMatch(
      /^error: the account may not list and watch \w+\.networking\.istio\.io .* -> add to its ClusterRole: \{ apiGroups/,
    );
  },
  patient * 2,
);

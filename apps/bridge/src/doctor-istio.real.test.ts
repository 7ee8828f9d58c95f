import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseConfig } from '@isthmus/config';
import { NAMESPACES, pathOf } from '@isthmus/kube';
import type { Finding } from '@isthmus/registry';
import { startKubernetes } from '@isthmus/servers';
import type { KubernetesServer } from '@isthmus/servers';
import { stringify } from 'yaml';
import { examineIstio } from './doctor-istio.ts';
import { examineIstiod } from './doctor-istiod.ts';
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
  const registries = [{ name: 'k8s', kind: 'kubernetes', kubeconfig: await server.kubeconfigFor(user) }];
  const text = stringify({ version: 1, meshId: 'shop', registries, ...sections });
  const parsed = parseConfig('isthmus.yaml', Buffer.from(text), { kinds: registryKinds });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

const said = (findings: readonly Finding[]): string =>
  findings.map(({ level, what, remedy = '' }) => `${level}: ${what} -> ${remedy}`).join('\n');

test(
  'the mesh config of istiod: none in the cluster, one that drops k8s://, one that is well, one that may not be read',
  async () => {
    const mesh = (configSources: readonly object[]) =>
      server.must({
        method: 'PATCH',
        path: `${MESH}?fieldManager=test&force=true`,
        contentType: 'application/apply-patch+yaml',
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio' }, data: { mesh: stringify({ configSources }) } },
      });
    const toIstiod = { outputs: { mcp: { listen: '127.0.0.1:15010' } } };
    const examined = async (user = 'reader') =>
      said(await examineIstiod(await configOf(user, toIstiod), AbortSignal.timeout(patient)));
    expect(await examined()).toMatch(/^warning: istiod drops its implicit Kubernetes source .* -> keep it: .*k8s:\/\//);
    await mesh([{ address: 'xds://isthmus:15010' }]);
    expect(await examined()).toMatch(/^error: istiod reads us but no Kubernetes objects any more.* -> add it: .*k8s:\/\//);
    await mesh([{ address: 'k8s://' }, { address: 'xds://isthmus:15010' }]);
    expect(await examined()).toMatch(/^ok: istiod reads Kubernetes and an xds:\/\/ source/);
    expect(await examined('poor')).toMatch(
      /^warning: the mesh config of istiod cannot be read .* -> allow `get` on the configmap/,
    );
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

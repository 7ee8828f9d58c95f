import { formatListen } from '@isthmus/config';
import { KubeClient, KubeError, openAccess } from '@isthmus/kube';
import type { KubeAccessOptions } from '@isthmus/kube';
import type { Finding } from '@isthmus/registry';
import { parse } from 'yaml';
import type { BridgeConfig } from './engine/bridge-config.ts';
import { clusterOfOutput } from './engine/object-outputs.ts';

/** Where `istioctl install` and Istio's Helm charts put the mesh config. */
const MESH_CONFIG = '/api/v1/namespaces/istio-system/configmaps/istio';

/** Where we run, if that is a Pod. */
export type OurPod = Pick<KubeAccessOptions, 'env' | 'serviceAccountDir'>;

/** What a cluster said of its istiod. */
type Seen = { readonly mesh: string } | { readonly unreadable: string } | 'none';

/**
 * Does istiod read us, and still read Kubernetes? Setting `configSources` drops its implicit `k8s://` (facts: istio). Looked up in
 * every cluster that we know; said as a reminder where none of them has an istiod.
 */
export async function examineIstiod(
  config: BridgeConfig,
  signal: AbortSignal,
  pod: OurPod = { env: process.env },
): Promise<readonly Finding[]> {
  const { mcp } = config.outputs;
  if (mcp === undefined) return [];
  const sources = `configSources: [{address: "k8s://"}, {address: "xds://${formatListen(mcp.listen)}"}]`;
  const seen = await Promise.all(clustersOf(config, pod).map((cluster) => look(cluster, signal)));
  const judged = seen.flatMap((one) => (one !== 'none' && 'mesh' in one ? [judge(one.mesh, sources)] : []));
  // Of several clusters one istiod may be meant.
  const [best] = judged.toSorted((a, b) => MEANT.indexOf(a.level) - MEANT.indexOf(b.level));
  if (best !== undefined) return [best];
  for (const one of seen) {
    if (one === 'none' || 'mesh' in one) continue;
    const what = `the mesh config of istiod cannot be read (${one.unreadable}), so its sources are not checked`;
    return [{ level: 'warning', what, remedy: `allow \`get\` on the configmap istio-system/istio, or see yourself: ${sources}` }];
  }
  const what = 'istiod drops its implicit Kubernetes source as soon as meshConfig.configSources is set';
  return [{ level: 'warning', what, remedy: `keep it: ${sources}` }];
}

/** One that reads us and nothing else is to be mended, whatever others do; one that does not read us may be somebody else's. */
const MEANT: readonly Finding['level'][] = ['error', 'ok', 'warning'];

/**
 * That the config names, to read or to write, and the one that our Pod is in. What kubectl would use is none of them: nobody said that
 * it has anything to do with this bridge.
 */
export function clustersOf(config: BridgeConfig, pod: OurPod): readonly KubeAccessOptions[] {
  const read = config.registries.flatMap(({ kind, config: entry }) => kind.cluster?.(entry, config) ?? []);
  const written = clusterOfOutput(config) ?? [];
  const ours = pod.env?.['KUBERNETES_SERVICE_HOST'] === undefined || pod.env['KUBECONFIG'] !== undefined ? [] : pod;
  const named: readonly KubeAccessOptions[] = [...read, written, ours].flat();
  return [...new Map(named.map((cluster) => [`${cluster.kubeconfig ?? ''} ${cluster.context ?? ''}`, cluster])).values()];
}

async function look(cluster: KubeAccessOptions, signal: AbortSignal): Promise<Seen> {
  let client: KubeClient | undefined;
  try {
    client = new KubeClient(await openAccess(cluster));
    const { data } = await client.call<{ data?: Record<string, string> }>({ method: 'GET', path: MESH_CONFIG, signal });
    return { mesh: data?.['mesh'] ?? '' };
  } catch (error) {
    const { reason, message } = KubeError.from(error);
    return reason === 'not-found' ? 'none' : { unreadable: message }; // no istiod there, or another revision's
  } finally {
    client?.close();
  }
}

/** @param mesh istiod's mesh config, YAML */
export function judge(mesh: string, sources: string): Finding {
  let parsed: unknown;
  try {
    parsed = parse(mesh, { maxAliasCount: 100 });
  } catch {
    return {
      level: 'error',
      what: 'the mesh config of istiod (istio-system/istio) is no YAML',
      remedy: 'mend it: istiod reads nothing',
    };
  }
  const list: unknown = (parsed as { configSources?: unknown } | null)?.configSources;
  const addresses = (Array.isArray(list) ? list : []).flatMap((source: unknown) => {
    const address = (source as { address?: unknown } | null)?.address;
    return typeof address === 'string' ? [address] : [];
  });
  const ours = addresses.some((address) => address.startsWith('xds://'));
  if (!ours)
    return { level: 'warning', what: 'istiod does not read us: its mesh config has no xds:// source', remedy: `add ${sources}` };
  if (!addresses.some((address) => address.startsWith('k8s://'))) {
    return {
      level: 'error',
      what: 'istiod reads us but no Kubernetes objects any more: configSources without k8s:// drops its implicit source',
      remedy: `add it: ${sources}`,
    };
  }
  return { level: 'ok', what: 'istiod reads Kubernetes and an xds:// source' };
}

import { formatListen } from '@isthmus/config';
import { KubeClient, KubeError, openAccess } from '@isthmus/kube';
import type { Finding } from '@isthmus/registry';
import { parse } from 'yaml';
import type { BridgeConfig } from './engine/bridge-config.ts';

/** Where `istioctl install` and Istio's Helm charts put the mesh config. */
const MESH_CONFIG = '/api/v1/namespaces/istio-system/configmaps/istio';

/**
 * Does istiod read us, and still read Kubernetes? Setting `configSources` drops its implicit `k8s://` (facts: istio). Looked up where
 * a `kind: kubernetes` registry says which cluster; else said as a reminder.
 */
export async function examineIstiod(config: BridgeConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const { mcp } = config.outputs;
  if (mcp === undefined) return [];
  const sources = `configSources: [{address: "k8s://"}, {address: "xds://${formatListen(mcp.listen)}"}]`;
  const reminder: Finding = {
    level: 'warning',
    what: 'istiod drops its implicit Kubernetes source as soon as meshConfig.configSources is set',
    remedy: `keep it: ${sources}`,
  };
  const entry = config.registries.find(({ kind }) => kind.cluster !== undefined);
  const named = entry?.kind.cluster?.(entry.config, config);
  if (named === undefined) return [reminder];
  let client: KubeClient | undefined;
  try {
    client = new KubeClient(await openAccess(named));
    const { data } = await client.call<{ data?: Record<string, string> }>({ method: 'GET', path: MESH_CONFIG, signal });
    return [judge(data?.['mesh'] ?? '', sources)];
  } catch (error) {
    const { reason, message } = KubeError.from(error);
    if (reason === 'not-found') return [reminder]; // no istiod there, or another revision's
    const what = `the mesh config of istiod cannot be read (${message}), so its sources are not checked`;
    return [{ level: 'warning', what, remedy: `allow \`get\` on the configmap istio-system/istio, or see yourself: ${sources}` }];
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

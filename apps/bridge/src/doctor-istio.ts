import { KubeClient, openAccess, ruleFor } from '@isthmus/kube';
import { messageOf } from '@isthmus/model';
import type { Finding } from '@isthmus/registry';
import type { BridgeConfig } from './engine/bridge-config.ts';
import { checkIstio } from './istio/check-istio.ts';
import { ISTIO_RESOURCES } from './istio/istio-cluster.ts';

/** Can Istio's objects be read, and are they valid. Never throws. */
export async function examineIstio(config: BridgeConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const { from } = config.istio;
  if (from === undefined) return [];
  if (from.kind === 'directory') {
    const { objects, problems } = await checkIstio(config);
    const errors = problems.filter(({ severity }) => severity === 'error');
    if (errors.length === 0) return [{ level: 'ok', what: `${objects} objects in ${from.dir}` }];
    const what = `${errors.length} problems in ${from.dir}; the first: ${errors[0]?.where}: ${errors[0]?.what}`;
    return [{ level: 'error', what, remedy: `isthmus check -c ${config.file}` }];
  }
  const entry = config.registries.find(({ id }) => id === from.registry);
  try {
    const client = new KubeClient(await openAccess(entry?.kind.cluster?.(entry.config, config) ?? {}));
    try {
      return await rights(client, signal);
    } finally {
      client.close();
    }
  } catch (thrown) {
    return [{ level: 'error', what: messageOf(thrown), remedy: `look at what is said of the registry ${from.registry}` }];
  }
}

async function rights(client: KubeClient, signal: AbortSignal): Promise<readonly Finding[]> {
  const missing: Finding[] = [];
  for (const resource of ISTIO_RESOURCES) {
    const { group, plural } = resource;
    const answers = await Promise.all(
      ['list', 'watch'].map((verb) =>
        client.call<{ readonly status?: { readonly allowed?: boolean } }>({
          method: 'POST',
          path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
          body: {
            apiVersion: 'authorization.k8s.io/v1',
            kind: 'SelfSubjectAccessReview',
            spec: { resourceAttributes: { verb, group, resource: plural, namespace: '' } },
          },
          signal,
        }),
      ),
    );
    if (answers.every(({ status }) => status?.allowed === true)) continue;
    const remedy = `add to its ClusterRole: ${ruleFor({ verb: 'list', resource, namespace: '' })}`;
    missing.push({ level: 'error', what: `the account may not list and watch ${plural}.${group} in the whole cluster`, remedy });
  }
  return missing.length > 0 ? missing : [{ level: 'ok', what: 'all of Istio’s kinds may be listed and watched' }];
}

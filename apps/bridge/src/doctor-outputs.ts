import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KubeError, SERVICE_ENTRIES, listPages, ruleFor } from '@isthmus/kube';
import type { Attempt, KubeClient } from '@isthmus/kube';
import { IsthmusError, messageOf } from '@isthmus/model';
import { placesOf } from '@isthmus/outputs';
import type { Finding } from '@isthmus/registry';
import type { BridgeConfig } from './engine/bridge-config.ts';
import { openCluster } from './engine/object-outputs.ts';

/** Can the directory of the files output be written? Writes nothing to find out. */
export async function examineFiles(dir: string): Promise<Finding> {
  try {
    const files = (await readdir(dir)).filter((name) => name.endsWith('.yaml')).length;
    await access(dir, constants.W_OK);
    return { level: 'ok', what: `files: ${dir} can be written; ${files} YAML files are there` };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return unwritable(dir, error);
  }
  for (let parent = dirname(dir); ; parent = dirname(parent)) {
    try {
      await access(parent, constants.W_OK);
      return { level: 'ok', what: `files: ${dir} is not there and can be made` };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === dirname(parent)) return unwritable(dir, error);
    }
  }
}

function unwritable(dir: string, error: unknown): Finding {
  return {
    level: 'error',
    what: `files: ${dir} cannot be written: ${messageOf(error)}`,
    remedy: 'let the user of the bridge write there',
  };
}

/** Does the cluster have the kind, and has the account all rights? */
export async function examineCluster(config: BridgeConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  const { kubernetes } = config.outputs;
  if (kubernetes === undefined) return [];
  let client: KubeClient | undefined;
  try {
    client = await openCluster(config);
    if (client === undefined) return [];
    const namespace = kubernetes.allNamespaces ? '' : kubernetes.namespace;
    const findings: Finding[] = [];
    const { meshId, istio } = config;
    for (const place of placesOf({ meshId, namespace: namespace || undefined, callerNamespaces: istio.callerNamespaces }))
      for (const verb of ['list', 'watch', 'get', 'create', 'patch', 'delete'] as const) {
        const attempt = { verb, resource: place.resource, namespace: place.namespace ?? '' };
        if (await isAllowed(client, attempt, signal)) continue;
        const of = place.resource === SERVICE_ENTRIES ? '' : ` in ${attempt.namespace}, which istio.callerNamespaces names`;
        findings.push({
          level: 'error',
          what: `kubernetes: the account may not ${verb} ${place.resource.plural}${of}`,
          remedy: `add ${ruleFor(attempt)}`,
        });
      }
    if (findings.length > 0) return findings;
    for await (const { items } of listPages(client, SERVICE_ENTRIES, { namespace, signal })) {
      const where = namespace === '' ? 'all namespaces' : `namespace ${namespace}`;
      return [
        {
          level: 'ok',
          what: `kubernetes: ${client.access.server} has ServiceEntries and lets us write them; ${items.length}${items.length === 100 ? ' or more' : ''} are in ${where}`,
        },
      ];
    }
    return [];
  } catch (error) {
    const remedy = IsthmusError.is(error) ? error.remedy : undefined;
    const what = error instanceof KubeError ? error.message : messageOf(error);
    return [{ level: 'error', what: `kubernetes: ${what}`, remedy: remedy ?? 'is the API server up, and the kubeconfig right?' }];
  } finally {
    client?.close();
  }
}

async function isAllowed(client: KubeClient, { verb, resource, namespace }: Attempt, signal: AbortSignal): Promise<boolean> {
  const resourceAttributes = {
    verb,
    group: resource.group,
    resource: resource.plural,
    ...(namespace === '' ? {} : { namespace }),
  };
  const { status } = await client.call<{ status: { allowed: boolean } }>({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } },
    signal,
  });
  return status.allowed;
}

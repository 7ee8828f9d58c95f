import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { provide, servers } from '@isthmus/servers';
import type { ApiAnswer, KubernetesServer } from '@isthmus/servers';
import { parseAllDocuments } from 'yaml';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: unknown;
}

/** What `kustomize build` makes of a directory, namespaces first, as `kubectl apply -k` sends it. */
export async function kustomize(directory: string): Promise<readonly Manifest[]> {
  const { recipe } = servers.kustomize;
  if (recipe.kind !== 'go') throw new Error('kustomize is not built by Go');
  const program = join((await provide('kustomize')).home, recipe.program);
  const { stdout } = await promisify(execFile)(program, ['build', directory]);
  const manifests = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
  return manifests.toSorted((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'));
}

/** Fields that the API server does not know are an error. */
export function apply(kubernetes: KubernetesServer, manifest: Manifest): Promise<ApiAnswer> {
  return kubernetes.call({
    method: 'PATCH',
    path: `${pathOf(manifest)}?fieldManager=test&fieldValidation=Strict`,
    body: manifest,
    contentType: 'application/apply-patch+yaml',
  });
}

export function pathOf({ apiVersion, kind, metadata: { name, namespace } }: Manifest): string {
  const plural = kind === 'NetworkPolicy' ? 'networkpolicies' : `${kind.toLowerCase()}s`;
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return namespace === undefined ? `${group}/${plural}/${name}` : `${group}/namespaces/${namespace}/${plural}/${name}`;
}

/** As the Deployment's controllers would make it. */
export function podOf(manifests: readonly Manifest[], name: string): Manifest {
  const deployment = manifests.find(({ kind }) => kind === 'Deployment');
  if (deployment === undefined) throw new Error('there is no Deployment');
  const { template } = deployment.spec as { template: { metadata: object; spec: object } };
  const { namespace = 'default' } = deployment.metadata;
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...template.metadata, name, namespace }, spec: template.spec };
}

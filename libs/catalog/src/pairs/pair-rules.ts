import type { ServiceId, ServiceKey } from '@isthmus/model';
import { ownershipName } from '../liveness/ownership.ts';

/** Whose instances callers get when a service is in a registry and in Kubernetes. */
export type PairPolicy = 'registry' | 'kubernetes' | 'both';

/** A service of a registry and a service of Kubernetes that are the same one. */
export interface PairRule {
  /** True for the registry's services. */
  readonly matches: (key: ServiceKey) => boolean;
  /** `k8s/shop/{name}`: registry, namespace and name of the Kubernetes service; `{name}` and the like stand for the key's parts. */
  readonly kubernetes: string;
  readonly policy: PairPolicy;
  /** With `both`: the share of calls that each side gets. Undefined: every instance counts by its own weight. */
  readonly weights: { readonly registry: number; readonly kubernetes: number } | undefined;
  /** Name or number of the Kubernetes port; undefined: the first that speaks what the registry's instances speak. */
  readonly port: string | number | undefined;
  /** Publish the Kubernetes service under its own host too. */
  readonly keepHost: boolean;
}

/** Id of the Kubernetes service that belongs to a service of a registry; undefined when the template gives none. */
export function twinOf(rule: PairRule, key: ServiceKey): ServiceId | undefined {
  const parts: Readonly<Record<string, string>> = {
    source: key.source,
    namespace: key.namespace,
    group: key.group,
    name: ownershipName(key.name),
  };
  const text = rule.kubernetes.replace(/\{(source|namespace|group|name)\}/g, (_, part: string) => parts[part] ?? '');
  const [source, namespace, name, ...rest] = text.split('/');
  if (source === undefined || namespace === undefined || name === undefined || name === '' || rest.length > 0) return undefined;
  return [source, namespace, '', name].map(encodeURIComponent).join('/') as ServiceId;
}

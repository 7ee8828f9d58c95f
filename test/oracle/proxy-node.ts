import type { CaseNode } from './oracle-case.ts';

/** Envoy's `core.v3.Node` as Istio's agent fills it in. */
export interface ProxyNode {
  readonly id: string;
  readonly cluster: string;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
  readonly metadata: Readonly<Record<string, unknown>>;
}

export function proxyNode({ type, name, namespace, ip, labels, locality, metadata }: CaseNode): ProxyNode {
  const [region = '', zone = '', subZone = ''] = locality.split('/');
  return {
    id: `${type}~${ip}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${labels['app'] ?? name}.${namespace}`,
    locality: { region, zone, subZone },
    metadata: {
      NAMESPACE: namespace,
      NAME: name,
      INSTANCE_IPS: ip,
      LABELS: labels,
      CLUSTER_ID: 'Kubernetes',
      ...(type === 'sidecar' ? { INTERCEPTION_MODE: 'REDIRECT' } : {}),
      ...metadata,
    },
  };
}

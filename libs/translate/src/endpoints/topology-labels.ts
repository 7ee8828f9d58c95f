import type { Endpoint, Locality } from '@isthmus/model';
import type { Proxy } from '../proxy.ts';

type Labels = Readonly<Record<string, string>>;

interface Place {
  readonly locality: Locality;
  readonly cluster: string;
  readonly network: string;
  readonly labels: Labels;
}

/**
 * A label of an endpoint or a proxy, those included that say where it is: Istio adds them to both, so that subsets and
 * `failoverPriority` can name them. Its own place wins over a label of that name, but for the network.
 */
export function labelOf({ locality, cluster, network, labels }: Place, name: string): string | undefined {
  const own = labels[name];
  switch (name) {
    case 'topology.kubernetes.io/region':
      return locality.region || own;
    case 'topology.kubernetes.io/zone':
      return locality.zone || own;
    case 'topology.istio.io/subzone':
      return locality.subzone || own;
    case 'topology.istio.io/cluster':
      return cluster || own;
    case 'topology.istio.io/network':
      return own || network || undefined;
    default:
      return own;
  }
}

export function hasLabels(endpoint: Endpoint, wanted: Labels): boolean {
  for (const name of Object.keys(wanted)) if (labelOf(endpoint, name) !== wanted[name]) return false;
  return true;
}

/** What a proxy is in the eyes of `labelOf`. */
export type LabelledProxy = Pick<Proxy, 'locality' | 'cluster' | 'network' | 'labels' | 'anonymous'>;

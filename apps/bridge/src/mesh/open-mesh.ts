import { NOWHERE } from '@isthmus/model';
import type { MeshOptions, Proxy } from '@isthmus/translate';
import { MeshPublisher } from './mesh-publisher.ts';
import { NodeViews } from './node-views.ts';
import type { ProxyDefaults } from './proxy-of.ts';

/** The mesh as this bridge serves it: what is published, and which node gets what of it. */
export interface Mesh {
  readonly publisher: MeshPublisher;
  readonly views: NodeViews;
}

/** Of nodes that say no namespace, and of the services of registries. */
const NAMESPACE = 'isthmus';

const ISTIO: MeshOptions = { domain: 'cluster.local', rootNamespace: 'istio-system', outbound: 'allow-any' };

export function nodeDefaults(domain: string): ProxyDefaults {
  return { namespace: NAMESPACE, domain };
}

/** @param options what of MeshConfig counts; default: as Istio */
export function openMesh(options: MeshOptions = ISTIO): Mesh {
  const everybody: Proxy = {
    kind: 'sidecar',
    grpc: false,
    namespace: NAMESPACE,
    dnsDomain: `${NAMESPACE}.svc.${options.domain}`,
    addresses: [],
    labels: {},
    interception: 'explicit',
    egress: undefined,
    locality: NOWHERE,
    cluster: '',
    network: '',
  };
  const publisher = new MeshPublisher(options, everybody);
  return { publisher, views: new NodeViews(publisher, nodeDefaults(options.domain)) };
}

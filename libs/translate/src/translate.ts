import type { MeshService, Resource } from '@isthmus/model';
import { clusterResources } from './clusters.ts';
import { endpointResources } from './endpoints.ts';
import { virtualHosts } from './virtual-hosts.ts';
import type { EncodedVirtualHost } from './virtual-hosts.ts';

/** What a change of endpoints alone can change for Envoy. */
export interface TranslatedEndpoints {
  /** Only of DNS services: their clusters carry the names. */
  readonly clusters: readonly Resource[];
  readonly endpoints: readonly Resource[];
}

/** What Envoy gets of one service. */
export interface TranslatedXds extends TranslatedEndpoints {
  /** To be put together per route with `composeRoute`. */
  readonly virtualHosts: readonly EncodedVirtualHost[];
}

/** When `ports`, `resolution` and `host` are as before, this is all there is to do: one ClusterLoadAssignment a port. */
export function translateEndpoints(service: MeshService): TranslatedEndpoints {
  return {
    clusters: service.resolution === 'dns' ? clusterResources(service) : [],
    endpoints: endpointResources(service),
  };
}

export function translateXds(service: MeshService): TranslatedXds {
  return {
    clusters: clusterResources(service),
    endpoints: endpointResources(service),
    virtualHosts: virtualHosts(service),
  };
}

/** What is watched, once for all readers of a source. */
import type { Clock, Locality } from '@isthmus/model';
import { ENDPOINT_SLICES, Heartbeat, NODES, PODS, SERVICES, SharedInformer, objectKey } from '@isthmus/kube';
import type { InformerOptions, InformerStatus, KubeClient, KubeObject, Resource } from '@isthmus/kube';
import { serviceFilter } from '@isthmus/registry';
import type { KubernetesConfig } from './config.ts';
import { keepNode, keepPod, keepService, keepSlice, sameContent } from './kept.ts';
import type { EndpointSlice, KeptPod, KeptService, KeptSlice, Pod, Service } from './kept.ts';

/** All namespaces (`''`), or one. */
export interface Part {
  readonly namespace: string;
  readonly services: SharedInformer<Service, KeptService>;
  readonly slices: SharedInformer<EndpointSlice, KeptSlice>;
  /** Undefined: Pods are not read. */
  readonly pods: SharedInformer<Pod, KeptPod> | undefined;
}

export interface Informers {
  readonly parts: readonly Part[];
  readonly nodes: SharedInformer<KubeObject, Locality>;
}

/** Of a watch. */
const LIFETIME_MS = 300_000;

export interface InformerDeps {
  readonly clock: Clock;
  readonly random: () => number;
}

export function informersOf(client: KubeClient, config: KubernetesConfig, deps: InformerDeps): Informers {
  const { heartbeat: everyMs, timeout: timeoutMs, resync: resyncMs, labelSelector, services } = config;
  const wanted = serviceFilter(services);
  const heartbeat = new Heartbeat(client, { everyMs, timeoutMs: Math.min(timeoutMs, 5_000), random: deps.random });
  const watched = <Raw extends KubeObject, Kept>(
    resource: Resource,
    namespace: string,
    keep: (object: Raw, before: Kept | undefined) => Kept | undefined,
    more: Partial<InformerOptions<Raw, Kept>> = {},
  ) =>
    new SharedInformer<Raw, Kept>(client, {
      resource,
      namespace,
      keep,
      same: sameContent,
      heartbeat,
      // A resync is at the renewal of a watch.
      timing: { resyncMs, lifetimeMs: Math.min(LIFETIME_MS, resyncMs) },
      ...deps,
      ...more,
    });
  const keepWanted = (service: Service, before: KeptService | undefined) =>
    wanted(objectKey(service)) ? keepService(service, before) : undefined;
  const part = (namespace: string): Part => ({
    namespace,
    services: watched(SERVICES, namespace, keepWanted, labelSelector === undefined ? {} : { labelSelector }),
    slices: watched(ENDPOINT_SLICES, namespace, (slice: EndpointSlice, before) => {
      const kept = keepSlice(slice, before);
      return kept !== undefined && wanted(kept.service) ? kept : undefined;
    }),
    pods: config.workloads ? watched(PODS, namespace, keepPod) : undefined,
  });
  const namespaces = config.namespaces[0] === '*' ? [''] : [...new Set(config.namespaces)];
  return { parts: namespaces.map(part), nodes: watched(NODES, '', keepNode) };
}

/** Has it been read, or is it known that it cannot be? */
export function isSettled(status: InformerStatus): boolean {
  return status.state !== 'syncing';
}

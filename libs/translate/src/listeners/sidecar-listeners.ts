import type { ListenerPlace, Resource } from '@isthmus/model';
import type { ProxyScope } from '../scope.ts';
import { virtualOutbound } from './catch-all.ts';
import { egressListener } from './egress.ts';
import { inboundListeners } from './inbound.ts';
import { listenerResource } from './listener.ts';
import { outboundListeners, outboundPlaces } from './outbound.ts';

/**
 * The keys of a sidecar's listeners. Each can be made alone: `fixed` depends on the proxy and its Sidecar, `inbound` on the
 * services that it is an instance of, a place on what `outboundListeners` says.
 */
export type ListenerKey = 'fixed' | 'inbound' | ListenerPlace;

/** All keys that give any listener; a place once for each service there, so that who goes through them can pause at each. */
export function* sidecarListenerKeys(scope: ProxyScope): Generator<ListenerKey> {
  yield 'fixed';
  if (scope.proxy.interception === 'explicit') return;
  yield 'inbound';
  yield* outboundPlaces(scope);
}

/** What a key stands for; empty where there is nothing any more. No two keys give the same name. */
export function sidecarListeners(scope: ProxyScope, key: ListenerKey): readonly Resource[] {
  const { interception, egress } = scope.proxy;
  if (key === 'fixed') {
    const virtual = virtualOutbound(scope);
    return [...(egress ? [egressListener(egress)] : []), ...(virtual ? [listenerResource(virtual)] : [])];
  }
  if (interception === 'explicit') return [];
  const made = key === 'inbound' ? inboundListeners(scope) : outboundListeners(scope, key);
  return made.map(listenerResource);
}

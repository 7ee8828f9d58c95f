import { OutboundTrafficPolicy_Mode } from '@isthmus/proto/istio';
import { TrafficDirection } from '@isthmus/proto/envoy';
import type { MeshHost } from '@isthmus/model';
import type { ProxyScope } from '../scope.ts';
import { destinationCluster, plainConnection } from './connection-filters.ts';
import { bindsOf } from './ip-mode.ts';
import type { ListenerInit } from './listener.ts';
import { socketAddress } from './typed.ts';
import type { Typed } from './typed.ts';

const PASSTHROUGH_CLUSTER = 'PassthroughCluster';
export const BLACK_HOLE_CLUSTER = 'BlackHoleCluster';

/** Where iptables sends what leaves the workload, and what arrives. */
export const OUTBOUND_PORT = 15_001;
export const INBOUND_PORT = 15_006;

/** For a destination that no listener knows: on to where it was going, through a proxy for that, or nowhere. */
export function unknownDestination(scope: ProxyScope): readonly Typed[] {
  const policy = scope.sidecar?.spec.outboundTrafficPolicy;
  const open = policy ? policy.mode !== OutboundTrafficPolicy_Mode.REGISTRY_ONLY : scope.mesh.outbound === 'allow-any';
  if (!open) return plainConnection(BLACK_HOLE_CLUSTER);
  const proxy = policy?.egressProxy;
  if (proxy === undefined) return plainConnection(PASSTHROUGH_CLUSTER);
  return plainConnection(destinationCluster(proxy, scope.service(proxy.host as MeshHost), 0));
}

/** `virtualOutbound`: finds the listener of the original destination; what has none ends here. Undefined without iptables. */
export function virtualOutbound(scope: ProxyScope): ListenerInit | undefined {
  const { interception } = scope.proxy;
  if (interception !== 'redirect' && interception !== 'tproxy') return undefined;
  const { wildcards } = bindsOf(scope.proxy);
  return {
    name: 'virtualOutbound',
    address: socketAddress(wildcards[0], OUTBOUND_PORT),
    trafficDirection: TrafficDirection.OUTBOUND,
    useOriginalDst: true,
    ...(interception === 'tproxy' && { transparent: true }),
    maxConnectionsToAcceptPerSocketEvent: 1,
    filterChains: [
      {
        // Somebody dialled the port itself: passing it on would come back here for ever.
        name: 'virtualOutbound-blackhole',
        filterChainMatch: { destinationPort: OUTBOUND_PORT },
        filters: [...plainConnection(BLACK_HOLE_CLUSTER)],
      },
      { name: 'virtualOutbound-catchall-tcp', filters: [...unknownDestination(scope)] },
    ],
  };
}

import { create, toBinary } from '@bufbuild/protobuf';
import { Cluster_DiscoveryType, Cluster_LbPolicy, ClusterSchema } from '@isthmus/proto/envoy';
import { isIPv4, isIPv6 } from 'node:net';
import type { Resource } from '@isthmus/model';
import { resource } from '../resource.ts';
import { httpOptionsField } from './cluster-policy.ts';
import { NO_DEFAULTS } from '../scope.ts';
import { CONNECT_TIMEOUT, connectionLimits } from './connection-pool.ts';
import type { ClusterDefaults } from '../scope.ts';
import type { Proxy } from '../proxy.ts';
import type { ClusterInit } from './connection-pool.ts';

const BLACK_HOLE = 'BlackHoleCluster';
const PASSTHROUGH = 'PassthroughCluster';
const INBOUND_PASSTHROUGH = 'InboundPassthroughCluster';

/** The clusters that every proxy has, whatever services there are; proxyless gRPC has none. */
export function meshClusters(proxy: Proxy, mesh: ClusterDefaults = NO_DEFAULTS): readonly Resource[] {
  if (proxy.grpc) return [];
  const blackHole = encoded(BLACK_HOLE, {
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
    connectTimeout: mesh.connectTimeout ?? CONNECT_TIMEOUT,
  });
  // A router is dialled at its own address only: nothing to pass on to.
  if (proxy.kind === 'router') return [blackHole];
  const limits = connectionLimits(undefined, undefined, mesh);
  return [
    blackHole,
    encoded(PASSTHROUGH, { ...limits, ...passthrough }),
    encoded(INBOUND_PASSTHROUGH, { ...limits, ...passthrough, upstreamBindConfig: loopbackSource(proxy.addresses, true) }),
  ];
}

/** To wherever the caller dialled, in the protocol that the caller speaks. */
const passthrough: ClusterInit = {
  clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
  lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
  ...httpOptionsField({
    commonHttpProtocolOptions: { idleTimeout: { seconds: 300n } },
    upstreamProtocolOptions: {
      case: 'useDownstreamProtocolConfig',
      value: { httpProtocolOptions: {}, http2ProtocolOptions: {} },
    },
  }),
};

/**
 * The source address of connections to the application: the rules of iptables know it and do not send it back to Envoy.
 * @param both name the one of the other family too, where the proxy has both
 */
export function loopbackSource(addresses: readonly string[], both: boolean): NonNullable<ClusterInit['upstreamBindConfig']> {
  const v4 = addresses.some((address) => isIPv4(address));
  const v6 = addresses.some((address) => isIPv6(address));
  return {
    sourceAddress: source(v4 || !v6 ? '127.0.0.6' : '::6'),
    ...(both && v4 && v6 && { extraSourceAddresses: [{ address: source('::6') }] }),
  };
}

function source(address: string) {
  return { address, portSpecifier: { case: 'portValue' as const, value: 0 } };
}

function encoded(name: string, cluster: ClusterInit): Resource {
  return resource(name, toBinary(ClusterSchema, create(ClusterSchema, { name, ...cluster })));
}

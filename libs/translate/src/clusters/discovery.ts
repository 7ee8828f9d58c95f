import { Buffer } from 'node:buffer';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  ApiVersion,
  CaresDnsResolverConfigSchema,
  ClusterLoadAssignmentSchema,
  ClusterSchema,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_EdsClusterConfigSchema,
} from '@isthmus/proto/envoy';
import { encodeLoadAssignment } from '../encode-load-assignment.ts';
import { fieldHeader, joinParts } from '../fields.ts';
import type { LoadAssignment } from '../load-assignment.ts';
import type { AddressFamily } from './address-family.ts';
import type { ClusterInit } from './connection-pool.ts';

/** The part of a Cluster that is its own: its name, and how its hosts are found. The policy's part is appended to it. */
type Head = Uint8Array;

/**
 * By hand, because it is all that the clusters of most services differ in: nothing but the name changes. A test compares
 * its bytes with those of protobuf-es.
 */
export function edsHead(name: string): Head {
  const text = Buffer.from(name);
  const named = fieldHeader(SERVICE_NAME, text.length);
  const config = fieldHeader(EDS_CLUSTER_CONFIG, EDS_SOURCE.length + named.length + text.length);
  return joinParts([fieldHeader(NAME, text.length), text, TYPE_EDS, config, EDS_SOURCE, named, text]);
}

// Field numbers of Cluster and Cluster.EdsClusterConfig.
const NAME = 1;
const EDS_CLUSTER_CONFIG = 3;
const SERVICE_NAME = 2;
const TYPE_EDS = encode({ clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS } });
const EDS_SOURCE = toBinary(
  Cluster_EdsClusterConfigSchema,
  create(Cluster_EdsClusterConfigSchema, {
    edsConfig: {
      configSourceSpecifier: { case: 'ads', value: {} },
      resourceApiVersion: ApiVersion.V3,
      // Wait for the endpoints however long it takes: an early cluster without hosts answers 503.
      initialFetchTimeout: {},
    },
  }),
);

/**
 * @param port where callers are sent instead of the port that they dialled
 * @param family of a DNS service whose rule says PASSTHROUGH: istiod leaves the settings of its resolver, which mean nothing then
 */
export function originalDstHead(name: string, port: number | undefined, family: AddressFamily | undefined): Head {
  return encode({
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
    ...(family !== undefined && resolver(family)),
    ...(port !== undefined && { lbConfig: { case: 'originalDstLbConfig', value: { upstreamPortOverride: port } } }),
  });
}

/** `all`: every address that the names resolve to is a host; `first`: the first one only (Envoy's LOGICAL_DNS). */
export type DnsUse = 'all' | 'first';

const RESOLVER = anyPack(CaresDnsResolverConfigSchema, create(CaresDnsResolverConfigSchema, { udpMaxQueries: 100 }));

export function dnsHead(name: string, use: DnsUse, family: AddressFamily, assignment: LoadAssignment): Head {
  return encode({
    name,
    clusterDiscoveryType: {
      case: 'type',
      value: use === 'all' ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.LOGICAL_DNS,
    },
    loadAssignment: fromBinary(ClusterLoadAssignmentSchema, encodeLoadAssignment(name, assignment)),
    ...resolver(family),
  });
}

function resolver(family: AddressFamily): ClusterInit {
  return {
    dnsLookupFamily: family === 'v4' ? Cluster_DnsLookupFamily.V4_ONLY : Cluster_DnsLookupFamily.V6_ONLY,
    typedDnsResolverConfig: { name: 'envoy.network.dns_resolver.cares', typedConfig: RESOLVER },
    // Thousands of names are not to be asked for in one moment.
    dnsJitter: { nanos: 100_000_000 },
    // After a failure only: what resolves is asked for again when its TTL is over.
    dnsRefreshRate: { seconds: 60n },
    respectDnsTtl: true,
  };
}

function encode(cluster: ClusterInit): Head {
  return toBinary(ClusterSchema, create(ClusterSchema, cluster));
}

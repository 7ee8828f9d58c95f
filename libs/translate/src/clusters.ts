import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  ApiVersion,
  ClusterLoadAssignmentSchema,
  ClusterSchema,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
  HttpProtocolOptionsSchema,
} from '@isthmus/proto/envoy';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { MeshService, Protocol, Resource, ServicePort } from '@isthmus/model';
import { encodeLoadAssignment } from './encode-load-assignment.ts';
import { joinParts } from './fields.ts';
import { loadAssignment } from './load-assignment.ts';
import { outboundName } from './names.ts';
import { resource } from './resource.ts';

const UNLIMITED = 4_294_967_295;
const HTTP_PROTOCOL_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** What every cluster has, as istiod sets it where no DestinationRule says otherwise. */
const COMMON: MessageInitShape<typeof ClusterSchema> = {
  connectTimeout: { seconds: 10n },
  lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
  /*
   * Equal weights: the less busy one of two. Unequal weights: Envoy goes round in proportion to
   * weight / (active requests + 1)^bias, and with its default bias of 1 a 3:1 becomes about 2:1 as soon as requests overlap.
   * Isthmus promises the registry's shares, so the bias is 0 (docs/facts.md has the figures).
   */
  lbConfig: {
    case: 'leastRequestLbConfig',
    value: { activeRequestBias: { defaultValue: 0, runtimeKey: 'isthmus.active_request_bias' } },
  },
  // Nobody knows better than the registry who is alive: never send to hosts that were left out (panic mode).
  commonLbConfig: { healthyPanicThreshold: { value: 0 } },
  circuitBreakers: {
    thresholds: [
      {
        maxConnections: UNLIMITED,
        maxPendingRequests: UNLIMITED,
        maxRequests: UNLIMITED,
        maxRetries: UNLIMITED,
        trackRemaining: true,
      },
    ],
  },
};

/** Encoded once: clusters differ in their names only. */
const TEMPLATES = {
  http1: toBinary(ClusterSchema, create(ClusterSchema, COMMON)),
  http2: toBinary(
    ClusterSchema,
    create(ClusterSchema, {
      ...COMMON,
      typedExtensionProtocolOptions: {
        [HTTP_PROTOCOL_OPTIONS]: anyPack(
          HttpProtocolOptionsSchema,
          create(HttpProtocolOptionsSchema, {
            upstreamProtocolOptions: {
              case: 'explicitHttpConfig',
              value: { protocolConfig: { case: 'http2ProtocolOptions', value: {} } },
            },
          }),
        ),
      },
    }),
  ),
};

/** One Cluster per service port. Endpoint changes never touch it, except in a DNS service, whose cluster carries the names. */
export function clusterResources(service: MeshService): readonly Resource[] {
  return service.ports.map((port) => {
    const name = outboundName(service.host, port.number);
    const own = service.resolution === 'dns' ? dnsCluster(name, service, port) : edsCluster(name);
    return resource(name, joinParts([own, speaksHttp2(port.protocol) ? TEMPLATES.http2 : TEMPLATES.http1]));
  });
}

function edsCluster(name: string): Uint8Array {
  return toBinary(
    ClusterSchema,
    create(ClusterSchema, {
      name,
      clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
      edsClusterConfig: {
        edsConfig: {
          configSourceSpecifier: { case: 'ads', value: {} },
          resourceApiVersion: ApiVersion.V3,
          // Wait for the endpoints however long it takes: an early cluster without hosts answers 503.
          initialFetchTimeout: {},
        },
        serviceName: name,
      },
    }),
  );
}

function dnsCluster(name: string, service: MeshService, port: ServicePort): Uint8Array {
  const assignment = encodeLoadAssignment(name, loadAssignment(service, port.name));
  return toBinary(
    ClusterSchema,
    create(ClusterSchema, {
      name,
      clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STRICT_DNS },
      loadAssignment: fromBinary(ClusterLoadAssignmentSchema, assignment),
      dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
      dnsRefreshRate: { seconds: 60n },
      respectDnsTtl: true,
    }),
  );
}

function speaksHttp2(protocol: Protocol): boolean {
  return protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

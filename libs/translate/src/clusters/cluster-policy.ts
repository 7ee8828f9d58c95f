import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Cluster_LbPolicy, ClusterSchema, HttpProtocolOptionsSchema } from '@isthmus/proto/envoy';
import { withoutLimits } from './bare.ts';
import { connectionLimits, httpOptions, speaksHttp2 } from './connection-pool.ts';
import { healthChecks } from './health-checks.ts';
import { balancing, commonBalancing } from './load-balancer.ts';
import { outlierDetection } from './outlier-detection.ts';
import { isRefused, namesByRequest, proxyProtocolSocket, refusingSocket, tlsSocket, usesTlsFiles } from './upstream-tls.ts';
import type { ClusterInit, HttpInit } from './connection-pool.ts';
import type { EjectionRule } from './ejection.ts';
import type { HealthCheckRule } from './health-checks.ts';
import type { ClusterDefaults } from '../scope.ts';
import type { Policy } from './traffic-policy.ts';

const HTTP_PROTOCOL_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Envoy demands that the protocol is said as soon as there are any options. */
const PLAIN_HTTP: HttpInit = {
  upstreamProtocolOptions: {
    case: 'explicitHttpConfig',
    value: { protocolConfig: { case: 'httpProtocolOptions', value: {} } },
  },
};

/** What decides everything of an outbound cluster but its name and how its hosts are found. */
export interface PolicyInputs {
  readonly policy: Policy | undefined;
  /** The port's protocol is one that runs on HTTP/2. */
  readonly http2: boolean;
  /**
   * Which hosts there are: `known`, by endpoints or by names that are looked up beforehand; `dialled`, the addresses that callers dialled;
   * `named`, what callers name, looked up when they do. In the last two there is nothing to balance.
   */
  readonly hosts: 'known' | 'dialled' | 'named';
  /** Without ejection and limits; hosts are balanced as with them. */
  readonly bare: boolean;
  /** SNI routing for other meshes: TLS is the caller's own and passes through. */
  readonly sniDnat: boolean;
  /** Of the ServiceEntry. */
  readonly alternativeNames: readonly string[];
  readonly healthCheck: HealthCheckRule | undefined;
  /** Beside the policy's own outlier detection, and only with it. */
  readonly ejection: EjectionRule | undefined;
  readonly mesh: ClusterDefaults;
}

/** The part of a Cluster that is the same for every service under one policy; encoded once for all of them. */
export function encodePolicy(inputs: PolicyInputs): Uint8Array {
  return toBinary(ClusterSchema, create(ClusterSchema, clusterOf(inputs)));
}

function clusterOf({
  policy = {},
  mesh,
  hosts,
  bare,
  sniDnat,
  healthCheck,
  ejection,
  alternativeNames,
  ...inputs
}: PolicyInputs): ClusterInit {
  const { connectionPool, loadBalancer, retryBudget, proxyProtocol } = policy;
  const http2 = speaksHttp2(inputs.http2, connectionPool);
  const tls = !sniDnat && usesTlsFiles(policy.tls) ? policy.tls : undefined;
  const refused = !sniDnat && isRefused(policy.tls);
  const socket = tls === undefined ? (refused ? refusingSocket() : undefined) : tlsSocket(tls, http2, alternativeNames);
  return {
    ...connectionLimits(bare ? withoutLimits(connectionPool) : connectionPool, retryBudget, mesh),
    ...(policy.outlierDetection !== undefined &&
      !bare && { outlierDetection: outlierDetection(policy.outlierDetection, ejection) }),
    ...(hosts !== 'named' && { commonLbConfig: commonBalancing(policy, mesh) }),
    ...(hosts === 'known' ? balancing(loadBalancer) : { lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED }),
    ...httpOptionsField(withNames(httpOptions(http2, connectionPool), tls && namesByRequest(tls, hosts === 'named'))),
    ...(!sniDnat && proxyProtocol !== undefined
      ? { transportSocket: proxyProtocolSocket(proxyProtocol, socket) }
      : socket && { transportSocket: socket }),
    ...(healthCheck !== undefined && hosts !== 'named' && { healthChecks: healthChecks(healthCheck, http2) }),
  };
}

export function httpOptionsField(options: HttpInit | undefined): Pick<ClusterInit, 'typedExtensionProtocolOptions'> {
  if (options === undefined) return {};
  const packed = anyPack(HttpProtocolOptionsSchema, create(HttpProtocolOptionsSchema, options));
  return { typedExtensionProtocolOptions: { [HTTP_PROTOCOL_OPTIONS]: packed } };
}

function withNames(options: HttpInit | undefined, names: HttpInit['upstreamHttpProtocolOptions']): HttpInit | undefined {
  return names === undefined ? options : { ...(options ?? PLAIN_HTTP), upstreamHttpProtocolOptions: names };
}

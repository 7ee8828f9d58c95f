import { ConnectionPoolSettings_HTTPSettings_H2UpgradePolicy as H2Upgrade } from '@isthmus/proto/istio';
import type { Message, MessageInitShape } from '@bufbuild/protobuf';
import type { ClusterSchema, HttpProtocolOptionsSchema } from '@isthmus/proto/envoy';
import type {
  ConnectionPoolSettings,
  ConnectionPoolSettings_TCPSettings_TcpKeepalive,
  TrafficPolicy_RetryBudget,
} from '@isthmus/proto/istio';
import { NO_DEFAULTS } from '../scope.ts';
import type { ClusterDefaults } from '../scope.ts';

export type ClusterInit = Exclude<MessageInitShape<typeof ClusterSchema>, Message>;
export type HttpInit = Exclude<MessageInitShape<typeof HttpProtocolOptionsSchema>, Message>;

/** "No limit": circuit breakers do what a rule says, never Envoy's own 1,024 connections or 3 retries. */
const UNLIMITED = 4_294_967_295;
/** Where neither rule nor mesh says one. */
export const CONNECT_TIMEOUT = { seconds: 10n };

/** Connect timeout, keepalive and limits. Zero means "not said" in all of them. */
export function connectionLimits(
  pool: ConnectionPoolSettings | undefined,
  retryBudget: TrafficPolicy_RetryBudget | undefined,
  mesh: ClusterDefaults = NO_DEFAULTS,
): ClusterInit {
  const { tcp, http } = pool ?? {};
  return {
    connectTimeout: tcp?.connectTimeout ?? mesh.connectTimeout ?? CONNECT_TIMEOUT,
    circuitBreakers: {
      thresholds: [
        {
          maxConnections: given(tcp?.maxConnections) ?? UNLIMITED,
          maxPendingRequests: given(http?.http1MaxPendingRequests) ?? UNLIMITED,
          maxRequests: given(http?.http2MaxRequests) ?? UNLIMITED,
          maxRetries: given(http?.maxRetries) ?? UNLIMITED,
          ...(retryBudget !== undefined && {
            retryBudget: {
              budgetPercent: { value: retryBudget.percent ?? 20 },
              minRetryConcurrency: given(retryBudget.minRetryConcurrency) ?? 3,
              ...(retryBudget.budgetInterval !== undefined && { budgetInterval: retryBudget.budgetInterval }),
            },
          }),
        },
      ],
    },
    ...((tcp?.tcpKeepalive ?? mesh.tcpKeepalive) !== undefined && {
      upstreamConnectionOptions: { tcpKeepalive: { ...keepalive(mesh.tcpKeepalive), ...keepalive(tcp?.tcpKeepalive) } },
    }),
  };
}

/** Whether the cluster speaks HTTP/2: by its port, or because the rule upgrades it. */
export function speaksHttp2(port: boolean, pool: ConnectionPoolSettings | undefined): boolean {
  if (pool?.http?.useClientProtocol === true) return false;
  return port || pool?.http?.h2UpgradePolicy === H2Upgrade.UPGRADE;
}

/** What goes into the cluster's HttpProtocolOptions; undefined: Envoy's defaults, which are plain HTTP/1.1. */
export function httpOptions(http2: boolean, pool: ConnectionPoolSettings | undefined): HttpInit | undefined {
  const { http, tcp } = pool ?? {};
  const idleTimeout = http?.idleTimeout ?? tcp?.idleTimeout;
  const maxRequestsPerConnection = given(http?.maxRequestsPerConnection);
  const maxConcurrentStreams = given(http?.maxConcurrentStreams);
  const maxConnectionDuration = tcp?.maxConnectionDuration;
  const keepAlive = http?.http2KeepAlive;
  const tuned =
    idleTimeout !== undefined ||
    maxRequestsPerConnection !== undefined ||
    maxConcurrentStreams !== undefined ||
    maxConnectionDuration !== undefined ||
    keepAlive !== undefined;
  if (!tuned && !http2 && http?.useClientProtocol !== true) return undefined;

  const connectionKeepalive = keepAlive && {
    ...(keepAlive.interval !== undefined && { interval: keepAlive.interval }),
    ...(keepAlive.timeout !== undefined && { timeout: keepAlive.timeout }),
  };
  return {
    ...(tuned && {
      commonHttpProtocolOptions: {
        ...(idleTimeout !== undefined && { idleTimeout }),
        ...(maxRequestsPerConnection !== undefined && { maxRequestsPerConnection }),
        ...(maxConnectionDuration !== undefined && { maxConnectionDuration }),
      },
    }),
    upstreamProtocolOptions:
      http?.useClientProtocol === true
        ? { case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions: {} } }
        : {
            case: 'explicitHttpConfig',
            value: {
              protocolConfig: http2
                ? {
                    case: 'http2ProtocolOptions',
                    value: {
                      ...(maxConcurrentStreams !== undefined && { maxConcurrentStreams }),
                      ...(connectionKeepalive !== undefined && { connectionKeepalive }),
                    },
                  }
                : { case: 'httpProtocolOptions', value: {} },
            },
          },
  };
}

function keepalive(settings: ConnectionPoolSettings_TCPSettings_TcpKeepalive | undefined) {
  const { probes = 0, time, interval } = settings ?? {};
  return {
    ...(probes > 0 && { keepaliveProbes: probes }),
    ...(time !== undefined && { keepaliveTime: Number(time.seconds) }),
    ...(interval !== undefined && { keepaliveInterval: Number(interval.seconds) }),
  };
}

function given(value: number | undefined): number | undefined {
  return value === undefined || value <= 0 ? undefined : value;
}

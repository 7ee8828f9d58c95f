import { HttpConnectionManager_ForwardClientCertDetails } from '@isthmus/proto/envoy';
import { PLAIN_HTTP, RAW } from './chain.ts';
import { plainConnection } from './connection-filters.ts';
import { httpManager } from './http-manager.ts';
import type { HttpManager } from './http-manager.ts';
import type { ChainInit } from './listener.ts';
import { shapeOf } from './protocol.ts';
import type { Typed } from './typed.ts';

/** A port on which the workload itself is called. */
export interface InboundPort {
  /** Where the application listens. */
  readonly targetPort: number;
  /** The service's; for statistics and traces. */
  readonly servicePort: number;
  /** In lower case. */
  readonly protocol: string;
  /** Service, or Sidecar, for traces. */
  readonly host: string;
  readonly bind: string;
  readonly moreBinds: readonly string[];
  /** False: behind `virtualInbound`. */
  readonly bindToPort: boolean;
}

/** Istio's name of the cluster that is the workload's own port. */
function inboundCluster(targetPort: number): string {
  return `inbound|${targetPort}||`;
}

/** One port's chain, in clear text. Those for mutual TLS come here once there is an authority that gives out certificates. */
export function inboundChain(port: InboundPort): ChainInit {
  const name = `${port.bind}_${port.targetPort}`;
  const cluster = inboundCluster(port.targetPort);
  const http = shapeOf(port.protocol) === 'http';
  return {
    name,
    filterChainMatch: { destinationPort: port.targetPort, transportProtocol: RAW },
    filters: http ? [inboundHttp(cluster, `inbound_${name}`, port)] : [...plainConnection(cluster, port.protocol)],
  };
}

/** What arrives on a port that no service has: on to the port itself, HTTP told apart from the rest. */
export function inboundPassthrough(): readonly ChainInit[] {
  const cluster = 'InboundPassthroughCluster';
  return [
    {
      name: 'virtualInbound-catchall-http',
      filterChainMatch: { transportProtocol: RAW, applicationProtocols: [...PLAIN_HTTP] },
      filters: [inboundHttp(cluster, cluster, { servicePort: 0, protocol: '', host: '' })],
    },
    { name: 'virtualInbound', filterChainMatch: { transportProtocol: RAW }, filters: [...plainConnection(cluster)] },
  ];
}

const HTTP2 = new Set(['http2', 'grpc', 'grpc-web']);

const OPTIONS: NonNullable<HttpManager['options']> = {
  serverName: 'istio-envoy',
  forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.APPEND_FORWARD,
  setCurrentClientCertDetails: { subject: true, dns: true, uri: true },
};

function inboundHttp(cluster: string, statPrefix: string, port: Pick<InboundPort, 'servicePort' | 'protocol' | 'host'>): Typed {
  return httpManager({
    statPrefix,
    route: { case: 'routeConfig', value: inboundRoute(cluster, port) },
    grpcWeb: port.protocol === 'grpc-web',
    options: { ...OPTIONS, ...(HTTP2.has(port.protocol) && { http2ProtocolOptions: {} }) },
  });
}

/** No timeout: the caller's proxy has one. A request that never left is sent again, but a gRPC stream may have begun. */
function inboundRoute(cluster: string, { servicePort, protocol, host }: Pick<InboundPort, 'servicePort' | 'protocol' | 'host'>) {
  const isGrpc = protocol === 'grpc' || protocol === 'grpc-web';
  return {
    name: cluster,
    validateClusters: false,
    virtualHosts: [
      {
        name: `inbound|http|${servicePort}`,
        domains: ['*'],
        routes: [
          {
            name: 'default',
            match: { pathSpecifier: { case: 'prefix' as const, value: '/' } },
            decorator: { operation: `${host}:${servicePort}/*` },
            action: {
              case: 'route' as const,
              value: {
                clusterSpecifier: { case: 'cluster' as const, value: cluster },
                timeout: {},
                maxStreamDuration: { maxStreamDuration: {}, grpcTimeoutHeaderMax: {} },
                ...(!isGrpc && { retryPolicy: { retryOn: 'reset-before-request', numRetries: 2 } }),
              },
            },
          },
        ],
      },
    ],
  };
}

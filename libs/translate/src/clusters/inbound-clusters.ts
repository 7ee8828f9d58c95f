import { create, toBinary } from '@bufbuild/protobuf';
import { Cluster_DiscoveryType, Cluster_LbPolicy, ClusterSchema } from '@isthmus/proto/envoy';
import { isIPv4, isIPv6 } from 'node:net';
import type { MeshService, Resource } from '@isthmus/model';
import type { ConnectionPoolSettings, IstioObject } from '@isthmus/proto/istio';
import { resource } from '../resource.ts';
import { httpOptionsField } from './cluster-policy.ts';
import { connectionLimits, httpOptions } from './connection-pool.ts';
import { loopbackSource } from './mesh-clusters.ts';
import { isHttp2 } from './port-protocol.ts';
import { portPolicy } from './traffic-policy.ts';
import type { ClusterDefaults, ProxyScope } from '../scope.ts';
import type { ClusterInit } from './connection-pool.ts';

/** Longer than any process runs, and the most that Envoy takes: connections to the application are not cleaned up. */
const NEVER = { seconds: 9_223_372_035n };

type InboundRule = (service: MeshService) => IstioObject<'DestinationRule'> | undefined;

interface Inbound {
  /** Where the proxy is dialled; part of the cluster's name. */
  readonly port: number;
  readonly http2: boolean;
  readonly target: Target;
  readonly service: MeshService | undefined;
  readonly rule: IstioObject<'DestinationRule'> | undefined;
  /** The port of the service that the rule is about. */
  readonly servicePort: number;
}

type Target = 'dialled' | { readonly address: string; readonly port: number } | { readonly path: string };

/**
 * The clusters that lead to the application behind a sidecar, `inbound|8080||`: one for each port of a service that it
 * is an instance of, or for each ingress listener of its Sidecar.
 * @param ruleOf the DestinationRule of a service as its receivers have it: of it the connection pool counts
 */
export function inboundClusters(scope: ProxyScope, ruleOf: InboundRule): readonly Resource[] {
  const { proxy, sidecar, mesh } = scope;
  if (proxy.kind === 'router' || proxy.grpc) return [];
  const inbounds =
    sidecar !== undefined && sidecar.spec.ingress.length > 0 ? ofSidecar(scope, ruleOf) : ofServices(scope, ruleOf);
  const seen = new Set<number>();
  return inbounds
    .filter(({ port }) => !seen.has(port) && seen.add(port))
    .map((inbound) => inboundCluster(inbound, poolOf(scope, inbound), proxy.addresses, mesh));
}

function ofServices({ proxy, own }: ProxyScope, ruleOf: InboundRule): readonly Inbound[] {
  // Without interception a listener of Envoy's on the port would be in the application's way.
  if (proxy.interception !== 'redirect' && proxy.interception !== 'tproxy') return [];
  return own.map(({ service, port, targetPort }) => ({
    port: targetPort,
    http2: isHttp2(port.protocol),
    target: 'dialled',
    service,
    rule: ruleOf(service),
    servicePort: port.number,
  }));
}

function ofSidecar({ proxy, own, sidecar }: ProxyScope, ruleOf: InboundRule): readonly Inbound[] {
  return (sidecar?.spec.ingress ?? []).flatMap(({ port, defaultEndpoint }) => {
    const target = targetOf(defaultEndpoint, proxy.addresses);
    if (port === undefined || target === undefined) return [];
    const service = own.find(({ targetPort }) => targetPort === port.number)?.service;
    return {
      port: port.number,
      http2: ['http2', 'grpc', 'grpc-web'].includes(port.protocol.toLowerCase()),
      target,
      service,
      rule: service && ruleOf(service),
      servicePort: port.number,
    };
  });
}

/** The Sidecar's pool for the port, or for all of them, goes before the DestinationRule's. */
function poolOf({ sidecar }: ProxyScope, { port, rule, servicePort }: Inbound): ConnectionPoolSettings | undefined {
  const listener = sidecar?.spec.ingress.find((one) => one.port?.number === port && one.connectionPool !== undefined);
  return listener?.connectionPool ?? sidecar?.spec.inboundConnectionPool ?? portPolicy(rule?.spec, servicePort)?.connectionPool;
}

function inboundCluster(
  inbound: Inbound,
  pool: ConnectionPoolSettings | undefined,
  addresses: readonly string[],
  mesh: ClusterDefaults,
): Resource {
  const { port, http2, target, service, rule, servicePort } = inbound;
  const name = `inbound|${port}||`;
  const isLoopback = target !== 'dialled' && 'address' in target && ['127.0.0.1', '::1'].includes(target.address);
  const cluster: ClusterInit = {
    name,
    ...connectionLimits(pool, portPolicy(rule?.spec, servicePort)?.retryBudget, mesh),
    ...(target === 'dialled' ? originalDst(service, servicePort) : staticTo(name, target)),
    ...httpOptionsField(httpOptions(pool?.http?.useClientProtocol === true ? false : http2, pool)),
    commonLbConfig: {},
    ...(!isLoopback && { upstreamBindConfig: loopbackSource(addresses, false) }),
  };
  return resource(name, toBinary(ClusterSchema, create(ClusterSchema, cluster)));
}

/** Callers of a service without addresses (`resolution: NONE`) may have dialled its own port: as for them, its target port is meant. */
function originalDst(service: MeshService | undefined, servicePort: number): ClusterInit {
  const { targetPort } = (service?.resolution === 'none' && service.ports.find(({ number }) => number === servicePort)) || {};
  return {
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    cleanupInterval: NEVER,
    ...(targetPort !== undefined && { lbConfig: { case: 'originalDstLbConfig', value: { upstreamPortOverride: targetPort } } }),
  };
}

function staticTo(name: string, target: Exclude<Target, 'dialled'>): ClusterInit {
  const address =
    'path' in target
      ? { case: 'pipe' as const, value: { path: target.path } }
      : {
          case: 'socketAddress' as const,
          value: { address: target.address, portSpecifier: { case: 'portValue' as const, value: target.port } },
        };
  const host = { hostIdentifier: { case: 'endpoint' as const, value: { address: { address } } } };
  return {
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    loadAssignment: { clusterName: name, endpoints: [{ lbEndpoints: [host] }] },
  };
}

/**
 * `127.0.0.1:8080`, `0.0.0.0:8080` (the proxy's own address), `[::1]:8080`, `[::]:8080`, `unix:///run/app.sock`; empty:
 * where the caller dialled. Undefined where it is none of them.
 */
function targetOf(text: string, addresses: readonly string[]): Target | undefined {
  if (text === '') return 'dialled';
  if (text.startsWith('unix://')) return { path: text.slice('unix://'.length) };
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, v6, v4, port] = match;
  const host = v6 ?? v4 ?? '';
  const address = ownAddress(host, addresses);
  return address === undefined ? undefined : { address, port: Number(port) };
}

function ownAddress(host: string, addresses: readonly string[]): string | undefined {
  const hasV4 = addresses.length === 0 || addresses.some((address) => isIPv4(address));
  const hasV6 = addresses.some((address) => isIPv6(address));
  switch (host) {
    case '0.0.0.0':
      return addresses.find((address) => isIPv4(address)) ?? '127.0.0.1';
    case '::':
      return addresses.find((address) => isIPv6(address)) ?? '::1';
    case '127.0.0.1':
      return hasV4 ? '127.0.0.1' : '::1';
    case '::1':
      return hasV6 ? '::1' : '127.0.0.1';
    default:
      return undefined;
  }
}

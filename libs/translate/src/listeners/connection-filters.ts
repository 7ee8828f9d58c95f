import { MongoProxySchema, TcpProxySchema } from '@isthmus/proto/envoy';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { MeshHost, MeshService } from '@isthmus/model';
import type { IstioObject, IstioSpecs } from '@isthmus/proto/istio';
import type { ProxyScope } from '../scope.ts';
import { sniForwardProxyFilter } from './forward-proxy.ts';
import { typed } from './typed.ts';
import type { Typed } from './typed.ts';

type RouteDestination = IstioSpecs['VirtualService']['tcp'][number]['route'][number];
type Destination = NonNullable<RouteDestination['destination']>;
type DestinationRule = IstioObject<'DestinationRule'>['spec'];
type TcpProxy = MessageInitShape<typeof TcpProxySchema>;

/** The listener's port, as far as its connections depend on it. */
export interface ConnectionPort {
  readonly number: number;
  /** In lower case: `mongo` has a filter of its own. */
  readonly protocol: string;
}

/** Filters that hand a connection to one cluster or, by weight, to several. `name`: of the rule, for statistics. */
export function routedConnection(
  scope: ProxyScope,
  routes: readonly RouteDestination[],
  port: ConnectionPort,
  name: string,
): readonly Typed[] {
  const first = routes[0]?.destination;
  if (first === undefined) return [];
  const service = scope.service(first.host as MeshHost);
  const rule = service && scope.destinationRule(service.host)?.spec;
  if (routes.length === 1) {
    const cluster = destinationCluster(first, service, port.number);
    return filters(port, cluster, cluster, rule, first.subset);
  }
  const clusters = routes.flatMap(({ destination, weight }) =>
    destination === undefined || weight <= 0
      ? []
      : [{ name: destinationCluster(destination, scope.service(destination.host as MeshHost), port.number), weight }],
  );
  if (clusters.length === 0) return [];
  return filters(port, { clusters }, name, rule, '');
}

/** Filters that hand a connection to a service. */
export function serviceConnection(
  scope: ProxyScope,
  service: MeshService,
  port: ConnectionPort,
  servicePort: number,
): readonly Typed[] {
  const cluster = `outbound|${servicePort}||${service.host}`;
  const lookUp = sniForwardProxyFilter(service, scope.proxy, port.number);
  const passOn = filters(port, cluster, cluster, scope.destinationRule(service.host)?.spec, '');
  return lookUp === undefined ? passOn : [lookUp, ...passOn];
}

/** Filters that hand a connection, as it is, to a cluster that its rule is about; never through another proxy. */
export function passedConnection(
  cluster: string,
  rule: DestinationRule | undefined,
  subset: string,
  port: ConnectionPort,
): readonly Typed[] {
  return filters(port, cluster, cluster, rule, subset, false);
}

/** Filters that hand a connection to a cluster that no rule has a say in. */
export function plainConnection(cluster: string, protocol = 'tcp'): readonly Typed[] {
  return filters({ number: 0, protocol }, cluster, cluster, undefined, '');
}

export function destinationCluster(destination: Destination, service: MeshService | undefined, listenerPort: number): string {
  const only = service?.ports.length === 1 ? service.ports[0]?.number : undefined;
  return `outbound|${destination.port?.number ?? only ?? listenerPort}|${destination.subset}|${destination.host}`;
}

function filters(
  { protocol }: ConnectionPort,
  to: string | { readonly clusters: readonly { readonly name: string; readonly weight: number }[] },
  statPrefix: string,
  rule: DestinationRule | undefined,
  subset: string,
  tunnels = true,
): readonly Typed[] {
  const pool = rule?.trafficPolicy?.connectionPool?.tcp;
  const config: TcpProxy = {
    statPrefix,
    clusterSpecifier:
      typeof to === 'string'
        ? { case: 'cluster', value: to }
        : { case: 'weightedClusters', value: { clusters: [...to.clusters] } },
    ...(pool?.idleTimeout && { idleTimeout: pool.idleTimeout }),
    ...(pool?.maxConnectionDuration && { maxDownstreamConnectionDuration: pool.maxConnectionDuration }),
    hashPolicy: hashesSource(rule, subset) ? [{ policySpecifier: { case: 'sourceIp', value: {} } }] : [],
    ...(tunnels && tunnel(rule, subset)),
  };
  const proxy = typed('envoy.filters.network.tcp_proxy', TcpProxySchema, config);
  // Istio has filters for Redis and MySQL too, off unless its operator turns them on.
  return protocol === 'mongo' ? [typed('envoy.filters.network.mongo_proxy', MongoProxySchema, { statPrefix }), proxy] : [proxy];
}

/** One caller stays with one instance: `consistentHash.useSourceIp`, of the subset where that has a balancer of its own. */
function hashesSource(rule: DestinationRule | undefined, subset: string): boolean {
  const own = rule?.subsets.find(({ name }) => name === subset)?.trafficPolicy?.loadBalancer;
  const policy = (own ?? rule?.trafficPolicy?.loadBalancer)?.lbPolicy;
  return policy?.case === 'consistentHash' && policy.value.hashKey.case === 'useSourceIp' && policy.value.hashKey.value;
}

/** Through another proxy by CONNECT or POST. A subset has its own or none. */
function tunnel(rule: DestinationRule | undefined, subset: string): Pick<TcpProxy, 'tunnelingConfig'> {
  const policy = subset === '' ? rule?.trafficPolicy : rule?.subsets.find(({ name }) => name === subset)?.trafficPolicy;
  const settings = policy?.tunnel;
  if (settings === undefined) return {};
  const host = settings.targetHost.includes(':') ? `[${settings.targetHost}]` : settings.targetHost;
  return { tunnelingConfig: { hostname: `${host}:${settings.targetPort}`, usePost: settings.protocol === 'POST' } };
}

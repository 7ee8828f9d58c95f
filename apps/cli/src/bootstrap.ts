import { isIP } from 'node:net';
import { stringify } from 'yaml';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const INTERCEPTIONS = ['REDIRECT', 'TPROXY', 'NONE'] as const;
export type Interception = (typeof INTERCEPTIONS)[number];

/** `HOST:PORT` or `[IPv6]:PORT`; undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port < 1 || port > 65_535) return undefined;
  return match?.[1] !== undefined && isIP(host) !== 6 ? undefined : { host, port };
}

/** What a node says of itself. */
export interface NodeFacts {
  readonly node: string;
  /** Explicit egress listener that the bridge makes for this node; without one the workload's calls come another way. */
  readonly egress?: Address;
  /** How connections get to Envoy without the workload's doing: by iptables, or to loopback listeners per service port (NONE). */
  readonly interception?: Interception;
  /** What selectors of rules match. */
  readonly labels: Readonly<Record<string, string>>;
  readonly locality?: { readonly region: string; readonly zone: string; readonly subzone: string };
  readonly cluster?: string;
  readonly network?: string;
  /** WorkloadGroup that it registers itself by. */
  readonly workloadGroup?: string;
  /** More of its metadata; what is said above goes before it. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface BootstrapInput extends NodeFacts {
  /** Envoy's worker threads, which only its command line can say. */
  readonly concurrency?: number;
  /** Bearer token for the bridge (outputs.xds.auth). Envoy has no way to read it from a file, so it stands in the bootstrap. */
  readonly token?: string;
  readonly xds: Address;
  readonly admin: Address;
  readonly metrics: Address;
  readonly transport: 'delta' | 'sotw';
  /** TLS to the bridge; paths as Envoy will see them. */
  readonly tls?: { readonly caFile: string; readonly certFile?: string; readonly keyFile?: string };
}

/** Connections from workloads that one Envoy takes; more are refused instead of running out of memory. */
const MOST_DOWNSTREAM_CONNECTIONS = 50_000;

/**
 * As in Istio's bootstrap. Envoy's own limit for a compiled regular expression is 100 instructions, which a list of some twenty
 * names exceeds; one rule that does costs a proxy every later change of its routes.
 */
const RUNTIME = { 're2.max_program_size.error_level': 32_768 };

/** The bootstrap of an Envoy beside a workload, as YAML. Deterministic. */
export function envoyBootstrap(input: BootstrapInput): string {
  const head = `# Bootstrap of an Envoy that gets its listeners, routes, clusters and endpoints from Isthmus.
#   envoy -c FILE${concurrencyFlag(input.concurrency)}
${useOf(input)}# Made by \`isthmus proxy bootstrap\`.
${input.token === undefined ? '' : '# Holds a token: keep it readable for Envoy only (mode 0600), and out of Git.\n'}`;
  return `${head}${stringify(document(input), { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

/** 0 is one per CPU, which is what Envoy does without the flag. */
function concurrencyFlag(concurrency: number | undefined): string {
  return concurrency === undefined || concurrency === 0 ? '' : ` --concurrency ${concurrency}`;
}

/** How a workload gets to Envoy, as a line for the head. */
function useOf({ egress, interception }: BootstrapInput): string {
  if (egress !== undefined)
    return `#   curl -H 'Host: orders.default-group.public.nacos' http://${egress.host}:${egress.port}/\n`;
  if (interception === 'REDIRECT' || interception === 'TPROXY')
    return '# iptables must bring connections to it, outgoing ones to port 15001 and incoming ones to 15006 (docs/attach-envoy.md).\n';
  return '';
}

function document(input: BootstrapInput): object {
  return {
    node: {
      id: input.node,
      cluster: clusterName(input.node),
      metadata: metadataOf(input),
      ...(input.locality === undefined ? {} : { locality: localityOf(input.locality) }),
    },
    admin: { address: socketAddress(input.admin) },
    dynamic_resources: {
      ads_config: {
        api_type: input.transport === 'delta' ? 'DELTA_GRPC' : 'GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [
          {
            envoy_grpc: { cluster_name: 'isthmus-xds' },
            ...(input.token === undefined
              ? {}
              : { initial_metadata: [{ key: 'authorization', value: `Bearer ${input.token}` }] }),
          },
        ],
      },
      cds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
      lds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
    },
    static_resources: { listeners: [metricsListener(input.metrics)], clusters: [xdsCluster(input), adminCluster(input.admin)] },
    layered_runtime: {
      layers: [
        { name: 'static', static_layer: RUNTIME },
        { name: 'admin', admin_layer: {} },
      ],
    },
    overload_manager: {
      resource_monitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          typed_config: {
            '@type':
              'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
            max_active_downstream_connections: MOST_DOWNSTREAM_CONNECTIONS,
          },
        },
      ],
    },
  };
}

/** Numbers as text, as Istio has them. */
export function metadataOf({ node, egress, interception, labels, cluster, network, workloadGroup, metadata }: NodeFacts): object {
  return {
    ...metadata,
    ...(egress === undefined ? {} : { HTTP_PROXY_PORT: String(egress.port) }),
    ...(egress === undefined || egress.host === '127.0.0.1' ? {} : { HTTP_PROXY_ADDRESS: egress.host }),
    ...namespaceOf(node),
    ...(interception === undefined ? {} : { INTERCEPTION_MODE: interception }),
    ...(Object.keys(labels).length === 0 ? {} : { LABELS: labels }),
    ...(cluster === undefined ? {} : { CLUSTER_ID: cluster }),
    ...(network === undefined ? {} : { NETWORK: network }),
    ...(workloadGroup === undefined ? {} : { AUTO_REGISTER_GROUP: workloadGroup }),
  };
}

export function localityOf({ region, zone, subzone }: NonNullable<NodeFacts['locality']>): object {
  return { region, ...(zone === '' ? {} : { zone }), ...(subzone === '' ? {} : { sub_zone: subzone }) };
}

/** `web.default` of `sidecar~127.0.0.1~web.default~default.svc.cluster.local`: what istio-proxy calls its service cluster. */
export function clusterName(node: string): string {
  return node.split('~')[2] ?? node;
}

function namespaceOf(node: string): { NAMESPACE?: string } {
  const namespace = nodeNamespace(node);
  return namespace === '' ? {} : { NAMESPACE: namespace };
}

/** `''`: the id names none. */
export function nodeNamespace(node: string): string {
  return node.split('~')[3]?.split('.')[0] ?? '';
}

function socketAddress({ host, port }: Address): object {
  return { socket_address: { address: host, port_value: port } };
}

function loadAssignment(cluster: string, address: Address): object {
  return { cluster_name: cluster, endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(address) } }] }] };
}

function xdsCluster(input: BootstrapInput): object {
  return {
    name: 'isthmus-xds',
    // A name may have an address of the other family on which nobody listens (`localhost`): Envoy then takes the next.
    ...(isIP(input.xds.host) === 0 ? { type: 'STRICT_DNS', dns_lookup_family: 'ALL' } : { type: 'STATIC' }),
    connect_timeout: '1s',
    load_assignment: loadAssignment('isthmus-xds', input.xds),
    // A bridge whose machine vanished sends no FIN: both layers notice, HTTP/2 within 35 s.
    upstream_connection_options: { tcp_keepalive: { keepalive_probes: 3, keepalive_time: 30, keepalive_interval: 5 } },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '5s' } } },
      },
    },
    ...(input.tls === undefined ? {} : { transport_socket: tlsSocket(input.xds.host, input.tls) }),
  };
}

function tlsSocket(host: string, tls: NonNullable<BootstrapInput['tls']>): object {
  const certificates =
    tls.certFile === undefined || tls.keyFile === undefined
      ? {}
      : { tls_certificates: [{ certificate_chain: { filename: tls.certFile }, private_key: { filename: tls.keyFile } }] };
  const san =
    isIP(host) === 0 ? { san_type: 'DNS', matcher: { exact: host } } : { san_type: 'IP_ADDRESS', matcher: { exact: host } };
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      ...(isIP(host) === 0 ? { sni: host } : {}),
      common_tls_context: {
        alpn_protocols: ['h2'],
        ...certificates,
        validation_context: { trusted_ca: { filename: tls.caFile }, match_typed_subject_alt_names: [san] },
      },
    },
  };
}

function adminCluster(admin: Address): object {
  return {
    name: 'prometheus_stats',
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: loadAssignment('prometheus_stats', admin),
  };
}

/** Only the metrics of the admin interface, which as a whole can stop Envoy. */
function metricsListener(address: Address): object {
  return {
    name: 'metrics',
    address: socketAddress(address),
    ignore_global_conn_limit: true,
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: 'metrics',
              route_config: {
                virtual_hosts: [
                  {
                    name: 'metrics',
                    domains: ['*'],
                    routes: [{ match: { path: '/stats/prometheus' }, route: { cluster: 'prometheus_stats' } }],
                  },
                ],
              },
              http_filters: [
                {
                  name: 'envoy.filters.http.router',
                  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}

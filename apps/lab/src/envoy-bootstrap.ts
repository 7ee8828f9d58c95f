/** A bootstrap for an Envoy beside a workload: everything but the way to its xDS server comes from that server. */
export interface BootstrapOptions {
  readonly nodeId: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly adminPort: number;
  /** gRPC, plain text, on 127.0.0.1. */
  readonly xdsPort: number;
}

export function envoyBootstrap({ nodeId, metadata, adminPort, xdsPort }: BootstrapOptions): Readonly<Record<string, unknown>> {
  const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const fromAds = { ads: {}, resource_api_version: 'V3' };
  return {
    node: { id: nodeId, cluster: 'lab', metadata },
    admin: { address: address(adminPort) },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
      cds_config: fromAds,
      lds_config: fromAds,
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              // A bridge that hangs is noticed: without pings a half-open connection would last until TCP gives up.
              explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: '10s', timeout: '5s' } } },
            },
          },
          load_assignment: { cluster_name: 'xds', endpoints: [{ lb_endpoints: [{ endpoint: { address: address(xdsPort) } }] }] },
        },
      ],
    },
    layered_runtime: {
      layers: [
        {
          name: 'static',
          static_layer: {
            overload: { global_downstream_max_connections: 50_000 },
            're2.max_program_size.error_level': 32_768, // as in Istio's bootstrap; Envoy's own is 100
          },
        },
      ],
    },
  };
}

/** The proxy beside `web`: `HTTP_PROXY_PORT` asks for an egress listener that routes by Host. */
export function besideWeb(ports: {
  readonly envoyAdmin: number;
  readonly xds: number;
  readonly egress: number;
}): BootstrapOptions {
  return {
    nodeId: 'sidecar~127.0.0.1~web.lab~lab.svc.cluster.local',
    metadata: { NAMESPACE: 'lab', CLUSTER_ID: 'lab', HTTP_PROXY_PORT: String(ports.egress), LABELS: { app: 'web' } },
    adminPort: ports.envoyAdmin,
    xdsPort: ports.xds,
  };
}

/** One that istiod configures, for comparison. */
export function fedByIstiod(
  ports: { readonly istioEnvoyAdmin: number; readonly istioEgress: number },
  istiodGrpc: number,
): BootstrapOptions {
  return {
    nodeId: 'sidecar~127.0.0.1~web.lab~lab.svc.cluster.local',
    metadata: {
      NAMESPACE: 'lab',
      CLUSTER_ID: 'Kubernetes',
      HTTP_PROXY_PORT: String(ports.istioEgress),
      INTERCEPTION_MODE: 'NONE',
      ISTIO_VERSION: '1.27.9',
      INSTANCE_IPS: '127.0.0.1',
      LABELS: { app: 'web' },
    },
    adminPort: ports.istioEnvoyAdmin,
    xdsPort: istiodGrpc,
  };
}

import { startEnvoy } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';

/** An Envoy whose egress knows one service from the start; its cluster has the name that Istio and the bridge give it. */
export function startStaticSidecar(host: string, ports: readonly number[], http2 = false): Promise<EnvoyServer<'egress'>> {
  const name = `outbound|80||${host}`;
  const endpoints = ports.map((port) => ({
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
  }));
  const cluster = {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
    ...(http2 ? { typed_extension_protocol_options: HTTP2 } : {}),
  };
  const route = { match: { prefix: '/' }, route: { cluster: name, timeout: '15s' } };
  const virtualHost = { name: host, domains: [host, `${host}:80`], routes: [route] };
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'egress',
    route_config: { name: 'egress', virtual_hosts: [virtualHost] },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager };
  return startEnvoy({
    portNames: ['egress'],
    readyWhen: 'live',
    bootstrap: ({ egress }) => ({
      static_resources: {
        clusters: [cluster],
        listeners: [
          {
            name: 'egress',
            address: { socket_address: { address: '127.0.0.1', port_value: egress } },
            filter_chains: [{ filters: [filter] }],
          },
        ],
      },
    }),
  });
}

const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const HTTP2 = {
  [OPTIONS]: { '@type': `type.googleapis.com/${OPTIONS}`, explicit_http_config: { http2_protocol_options: {} } },
};

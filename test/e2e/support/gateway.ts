import { dirname } from 'node:path';
import { startEnvoy } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { http2Cluster } from './envoy.ts';

/** An Envoy as a gateway: its clusters come from the bridge by xDS, its routes from a file that is moved into place. */
export function startGateway(xdsPort: number, port: number, routes: string): Promise<EnvoyServer<'gateway'>> {
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'gateway',
    rds: {
      route_config_name: 'gateway',
      config_source: {
        resource_api_version: 'V3',
        path_config_source: { path: routes, watched_directory: { path: dirname(routes) } },
      },
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  return startEnvoy({
    portNames: ['gateway'],
    ports: { gateway: port },
    readyWhen: 'live',
    bootstrap: {
      node: { id: 'router~127.0.0.1~gateway.default~default.svc.cluster.local', cluster: 'gateway' },
      dynamic_resources: {
        ads_config: {
          api_type: 'DELTA_GRPC',
          transport_api_version: 'V3',
          set_node_on_first_message_only: true,
          grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
        },
        cds_config: { ads: {}, resource_api_version: 'V3' },
      },
      static_resources: {
        clusters: [http2Cluster('xds', xdsPort)],
        listeners: [
          {
            name: 'gateway',
            address: { socket_address: { address: '127.0.0.1', port_value: port } },
            filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }],
          },
        ],
      },
    },
  });
}

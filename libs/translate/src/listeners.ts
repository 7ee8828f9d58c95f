import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ApiVersion, HttpConnectionManagerSchema, ListenerSchema, RouterSchema, TrafficDirection } from '@isthmus/proto/envoy';
import type { Resource } from '@isthmus/model';
import { EGRESS_ROUTE } from './names.ts';
import { resource } from './resource.ts';

/** Where callers reach the mesh by naming a service in the Host header. */
export interface EgressAddress {
  /** IP literal, `127.0.0.1` beside a workload. */
  readonly address: string;
  readonly port: number;
}

/** The explicit egress listener: HTTP, routed by Host over `http_proxy`, absolute URLs (HTTP_PROXY) and WebSockets included. */
export function egressListener({ address, port }: EgressAddress): Resource {
  const name = `${address}_${port}`;
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: `outbound_${name}`,
    routeSpecifier: {
      case: 'rds',
      value: {
        routeConfigName: EGRESS_ROUTE,
        configSource: {
          configSourceSpecifier: { case: 'ads', value: {} },
          resourceApiVersion: ApiVersion.V3,
          initialFetchTimeout: {},
        },
      },
    },
    httpProtocolOptions: { allowAbsoluteUrl: true },
    httpFilters: [
      {
        name: 'envoy.filters.http.router',
        configType: { case: 'typedConfig', value: anyPack(RouterSchema, create(RouterSchema)) },
      },
    ],
    // The instance, not Envoy, decides on Expect: 100-continue.
    proxy100Continue: true,
    upgradeConfigs: [{ upgradeType: 'websocket' }],
    useRemoteAddress: false,
    normalizePath: true,
    // As istiod: a long poll or an idle stream is the application's business.
    streamIdleTimeout: {},
  });
  const listener = create(ListenerSchema, {
    name,
    address: { address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } } },
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            configType: { case: 'typedConfig', value: anyPack(HttpConnectionManagerSchema, manager) },
          },
        ],
      },
    ],
  });
  return resource(name, toBinary(ListenerSchema, listener));
}

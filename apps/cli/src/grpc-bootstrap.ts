import { metadataOf, localityOf, clusterName } from './bootstrap.ts';
import type { Address, NodeFacts } from './bootstrap.ts';

export interface GrpcBootstrapInput extends NodeFacts {
  readonly xds: Address;
  /** TLS to the bridge; without an authority it is clear text. */
  readonly xdsCa?: string;
  readonly xdsCert?: string;
  readonly xdsKey?: string;
}

/** How gRPC servers ask for their own listener, as Istio has it. */
const SERVER_LISTENER = 'xds.istio.io/grpc/lds/inbound/%s';

/** The bootstrap of a gRPC client or server (gRFC A27, TLS by A65), as JSON. Deterministic. */
export function grpcBootstrap(input: GrpcBootstrapInput): string {
  const { host, port } = input.xds;
  const bootstrap = {
    xds_servers: [
      {
        server_uri: `${host.includes(':') ? `[${host}]` : host}:${port}`,
        channel_creds: [credentials(input)],
        server_features: ['xds_v3'],
      },
    ],
    node: {
      id: input.node,
      cluster: clusterName(input.node),
      metadata: { GENERATOR: 'grpc', ...metadataOf(input) },
      // grpc-js refuses a node without one.
      locality: input.locality === undefined ? {} : localityOf(input.locality),
    },
    server_listener_resource_name_template: SERVER_LISTENER,
  };
  return `${JSON.stringify(bootstrap, undefined, 2)}\n`;
}

function credentials({ xdsCa, xdsCert, xdsKey }: GrpcBootstrapInput): object {
  if (xdsCa === undefined) return { type: 'insecure' };
  const own = xdsCert === undefined || xdsKey === undefined ? {} : { certificate_file: xdsCert, private_key_file: xdsKey };
  return { type: 'tls', config: { ca_certificate_file: xdsCa, ...own } };
}

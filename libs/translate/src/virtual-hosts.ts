import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { PreviousHostsPredicateSchema, VirtualHostSchema } from '@isthmus/proto/envoy';
import { isHttpLike } from '@isthmus/model';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RouteActionSchema, RouteSchema } from '@isthmus/proto/envoy';
import type { MeshHost, MeshService, ServicePort } from '@isthmus/model';
import { fieldHeader } from './fields.ts';
import { mainHttpPort } from './main-http-port.ts';
import { EGRESS_ROUTE, outboundName } from './names.ts';
import { ordered } from './ordered.ts';
import { contentVersion } from './resource.ts';

/** RouteConfiguration.virtual_hosts = 2 */
export const VIRTUAL_HOSTS = 2;

/** One host of a route, encoded once; `composeRoute` puts them together. */
export interface EncodedVirtualHost {
  /** The RouteConfiguration that it belongs to. */
  readonly route: string;
  readonly name: string;
  readonly version: string;
  /** Together a `virtual_hosts` field of a RouteConfiguration, tag and length included; what many have alike is one array. */
  readonly parts: readonly Uint8Array[];
}

/** What istiod gives a route where no VirtualService says otherwise. */
const ROUTE_DEFAULTS: MessageInitShape<typeof RouteActionSchema> = {
  timeout: {},
  retryPolicy: {
    retryOn: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
    numRetries: 2,
    retryHostPredicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        configType: {
          case: 'typedConfig',
          value: anyPack(PreviousHostsPredicateSchema, create(PreviousHostsPredicateSchema)),
        },
      },
    ],
    hostSelectionRetryMaxAttempts: 5n,
  },
  // Deprecated in Envoy, and what istiod sends: a grpc-timeout header is honoured without a cap.
  maxGrpcTimeout: {},
};

/** The virtual host of a service that speaks HTTP, for explicit egress; none if it has no such port. */
export function virtualHosts(service: MeshService): readonly EncodedVirtualHost[] {
  const ports = ordered(
    service.ports.filter((port) => isHttpLike(port.protocol)),
    (a, b) => a.number - b.number,
  );
  const main = mainHttpPort(ports);
  if (main === undefined) return [];
  const name = `${service.host}:${main.number}`;
  const bytes = toBinary(
    VirtualHostSchema,
    create(VirtualHostSchema, {
      name,
      // Compared without case and, by ignorePortInHostMatching, without the port.
      domains: [service.host, `${service.host}.`],
      routes: [
        ...ports.filter((port) => port !== main).map((port) => route(service.host, port, true)),
        route(service.host, main, false),
      ],
      includeRequestAttemptCount: true,
    }),
  );
  const parts = [fieldHeader(VIRTUAL_HOSTS, bytes.length), bytes];
  return [{ route: EGRESS_ROUTE, name, version: contentVersion(bytes), parts }];
}

function route(host: MeshHost, port: ServicePort, onlyForItsPort: boolean): MessageInitShape<typeof RouteSchema> {
  return {
    name: onlyForItsPort ? port.name : 'default',
    decorator: { operation: `${host}:${port.number}/*` },
    match: {
      pathSpecifier: { case: 'prefix', value: '/' },
      headers: onlyForItsPort
        ? [
            {
              name: ':authority',
              headerMatchSpecifier: {
                case: 'stringMatch',
                value: { matchPattern: { case: 'suffix', value: `:${port.number}` } },
              },
            },
          ]
        : [],
    },
    action: {
      case: 'route',
      value: { ...ROUTE_DEFAULTS, clusterSpecifier: { case: 'cluster', value: outboundName(host, port.number) } },
    },
  };
}

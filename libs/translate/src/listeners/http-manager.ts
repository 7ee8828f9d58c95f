import {
  ApiVersion,
  CorsSchema,
  GrpcStatsConfigSchema,
  GrpcWebSchema,
  HTTPFaultSchema,
  HttpConnectionManagerSchema,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  RouterSchema,
  UuidRequestIdConfigSchema,
} from '@isthmus/proto/envoy';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { packed, typed } from './typed.ts';
import type { Typed } from './typed.ts';

type Manager = Exclude<MessageInitShape<typeof HttpConnectionManagerSchema>, { $typeName: string }>;

export interface HttpManager {
  readonly statPrefix: string;
  /** Name of a RouteConfiguration, or one inside. */
  readonly route: string | Extract<Manager['routeSpecifier'], { case: 'routeConfig' }>;
  readonly grpcWeb?: boolean;
  /** Right before the router. */
  readonly last?: Typed | undefined;
  /** Believes `x-forwarded-for` only from trusted proxies and adds the caller: at the edge. */
  readonly useRemoteAddress?: boolean;
  /** What is special to the place. */
  readonly options?: Manager;
}

const ROUTER = typed('envoy.filters.http.router', RouterSchema);
const GRPC_WEB = typed('envoy.filters.http.grpc_web', GrpcWebSchema);
const FILTERS: readonly Typed[] = [
  typed('envoy.filters.http.grpc_stats', GrpcStatsConfigSchema, {
    emitFilterState: true,
    perMethodStatSpecifier: { case: 'statsForAllMethods', value: { value: false } },
  }),
  typed('envoy.filters.http.fault', HTTPFaultSchema),
  typed('envoy.filters.http.cors', CorsSchema),
];
const REQUEST_ID = packed(UuidRequestIdConfigSchema, { useRequestIdForTraceSampling: true });

/** The connection manager that istiod makes, less the filters that only Istio's own Envoy has. */
export function httpManager({ statPrefix, route, grpcWeb, last, useRemoteAddress, options }: HttpManager): Typed {
  return typed('envoy.filters.network.http_connection_manager', HttpConnectionManagerSchema, {
    ...options,
    statPrefix,
    routeSpecifier: typeof route === 'string' ? fromRds(route) : route,
    httpFilters: [...(grpcWeb === true ? [GRPC_WEB] : []), ...FILTERS, ...(last === undefined ? [] : [last]), ROUTER],
    // The instance, not Envoy, decides on Expect: 100-continue.
    proxy100Continue: true,
    upgradeConfigs: [{ upgradeType: 'websocket' }],
    useRemoteAddress: useRemoteAddress ?? false,
    normalizePath: true,
    pathWithEscapedSlashesAction: HttpConnectionManager_PathWithEscapedSlashesAction.KEEP_UNCHANGED,
    // A long poll or an idle stream is the application's business.
    streamIdleTimeout: {},
    requestIdExtension: { typedConfig: REQUEST_ID },
  });
}

/** Without a timeout: a listener whose route is late waits for it instead of answering 404. */
function fromRds(routeConfigName: string): NonNullable<Manager['routeSpecifier']> {
  const configSource = { configSourceSpecifier: ADS, resourceApiVersion: ApiVersion.V3, initialFetchTimeout: {} };
  return { case: 'rds', value: { routeConfigName, configSource } };
}

const ADS = { case: 'ads' as const, value: {} };

// The parts of Envoy's v3 API that Isthmus makes. Messages are written as plain objects inside `create(XSchema, {...})`,
// so what is exported are the outer schemas, the enums, and the schemas of what goes into a typed_config.
export {
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_EdsClusterConfigSchema,
  Cluster_LbPolicy,
  ClusterSchema,
} from './gen/envoy/config/cluster/v3/cluster_pb.ts';
export type { Cluster } from './gen/envoy/config/cluster/v3/cluster_pb.ts';
export type { HealthCheck } from './gen/envoy/config/core/v3/health_check_pb.ts';
export { HeaderValueOption_HeaderAppendAction, RoutingPriority, TrafficDirection } from './gen/envoy/config/core/v3/base_pb.ts';
export { ApiConfigSource_ApiType, ApiVersion } from './gen/envoy/config/core/v3/config_source_pb.ts';
export { HealthStatus } from './gen/envoy/config/core/v3/health_check_pb.ts';
export { ClusterLoadAssignmentSchema } from './gen/envoy/config/endpoint/v3/endpoint_pb.ts';
export type { ClusterLoadAssignment } from './gen/envoy/config/endpoint/v3/endpoint_pb.ts';
export { LocalityLbEndpointsSchema } from './gen/envoy/config/endpoint/v3/endpoint_components_pb.ts';
export type { LocalityLbEndpoints } from './gen/envoy/config/endpoint/v3/endpoint_components_pb.ts';
export { FilterChainSchema, FilterSchema } from './gen/envoy/config/listener/v3/listener_components_pb.ts';
export type { FilterChain } from './gen/envoy/config/listener/v3/listener_components_pb.ts';
export { ListenerSchema } from './gen/envoy/config/listener/v3/listener_pb.ts';
export type { Listener } from './gen/envoy/config/listener/v3/listener_pb.ts';
export { RouteConfigurationSchema } from './gen/envoy/config/route/v3/route_pb.ts';
export type { RouteConfiguration } from './gen/envoy/config/route/v3/route_pb.ts';
export {
  RedirectAction_RedirectResponseCode,
  RouteActionSchema,
  RouteMatchSchema,
  RouteSchema,
  VirtualHostSchema,
  VirtualHost_TlsRequirementType,
} from './gen/envoy/config/route/v3/route_components_pb.ts';
export type { Route, VirtualHost } from './gen/envoy/config/route/v3/route_components_pb.ts';
export { FileAccessLogSchema } from './gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
export { ClusterConfigSchema as DynamicForwardProxyClusterSchema } from './gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts';
export type { DnsCacheConfigSchema } from './gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.ts';
export { CorsPolicySchema, CorsSchema } from './gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
export { FilterConfigSchema as DynamicForwardProxyFilterSchema } from './gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts';
export { HTTPFaultSchema } from './gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
export { HealthCheckSchema } from './gen/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts';
export { RouterSchema } from './gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
export { FilterConfigSchema as GrpcStatsConfigSchema } from './gen/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts';
export { GrpcWebSchema } from './gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.ts';
export { HttpInspectorSchema } from './gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts';
export { OriginalDstSchema } from './gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.ts';
export { OriginalSrcSchema } from './gen/envoy/extensions/filters/listener/original_src/v3/original_src_pb.ts';
export { TlsInspectorSchema } from './gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
export { MongoProxySchema } from './gen/envoy/extensions/filters/network/mongo_proxy/v3/mongo_proxy_pb.ts';
export {
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManagerSchema,
} from './gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
export { FilterConfigSchema as SniDynamicForwardProxyFilterSchema } from './gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.ts';
export { TcpProxySchema } from './gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
export { CaresDnsResolverConfigSchema } from './gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.ts';
export {
  CertificateValidationContext_TrustChainVerification,
  TlsParameters_TlsProtocol,
} from './gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
export { ProxyProtocolUpstreamTransportSchema } from './gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts';
export { RawBufferSchema } from './gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
export { UuidRequestIdConfigSchema } from './gen/envoy/extensions/request_id/uuid/v3/uuid_pb.ts';
export { PreviousHostsPredicateSchema } from './gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
export { PreviousPrioritiesConfigSchema } from './gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts';
export { SecretSchema } from './gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
export { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from './gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
export { HttpProtocolOptionsSchema } from './gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
export { FractionalPercent_DenominatorType } from './gen/envoy/type/v3/percent_pb.ts';
export { RuntimeSchema } from './gen/envoy/service/runtime/v3/rtds_pb.ts';

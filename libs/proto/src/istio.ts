// Istio's API: what goes over MCP, and the configuration that users write.
export { MetadataSchema } from './gen/mcp/v1alpha1/metadata_pb.ts';
export type { Metadata } from './gen/mcp/v1alpha1/metadata_pb.ts';
export { ResourceSchema } from './gen/mcp/v1alpha1/resource_pb.ts';
export type { Resource } from './gen/mcp/v1alpha1/resource_pb.ts';
export {
  ClientTLSSettings_TLSmode,
  ConnectionPoolSettings_HTTPSettings_H2UpgradePolicy,
  ConnectionPoolSettings_TCPSettings_TcpKeepaliveSchema,
  DestinationRuleSchema,
  LoadBalancerSettings_SimpleLB,
  LocalityLoadBalancerSettingSchema,
  TrafficPolicySchema,
  TrafficPolicy_ProxyProtocol_VERSION,
} from './gen/networking/v1alpha3/destination_rule_pb.ts';
export type {
  ClientTLSSettings,
  ConnectionPoolSettings,
  ConnectionPoolSettings_TCPSettings_TcpKeepalive,
  DestinationRule,
  LoadBalancerSettings,
  LoadBalancerSettings_ConsistentHashLB,
  LocalityLoadBalancerSetting,
  OutlierDetection,
  Subset,
  TrafficPolicy,
  TrafficPolicy_ProxyProtocol,
  TrafficPolicy_RetryBudget,
  WarmupConfiguration,
  ZoneAwareLoadBalancerSetting,
} from './gen/networking/v1alpha3/destination_rule_pb.ts';
export { GatewaySchema, ServerTLSSettings_TLSProtocol, ServerTLSSettings_TLSmode } from './gen/networking/v1alpha3/gateway_pb.ts';
export type { Gateway, Server, ServerTLSSettings } from './gen/networking/v1alpha3/gateway_pb.ts';
export {
  ServiceEntry_Location,
  ServiceEntry_Resolution,
  ServiceEntrySchema,
} from './gen/networking/v1alpha3/service_entry_pb.ts';
export type { ServiceEntry } from './gen/networking/v1alpha3/service_entry_pb.ts';
export { CaptureMode, OutboundTrafficPolicy_Mode, SidecarSchema } from './gen/networking/v1alpha3/sidecar_pb.ts';
export type { Sidecar } from './gen/networking/v1alpha3/sidecar_pb.ts';
export {
  CorsPolicy_UnmatchedPreflights,
  HTTPMatchRequestSchema,
  HTTPRedirect_RedirectPortSelection,
  HTTPRetrySchema,
  HTTPRouteSchema,
  VirtualServiceSchema,
} from './gen/networking/v1alpha3/virtual_service_pb.ts';
export type {
  CorsPolicy,
  Destination,
  HTTPDirectResponse,
  HTTPFaultInjection,
  HTTPMatchRequest,
  HTTPRedirect,
  HTTPRetry,
  HTTPRoute,
  HTTPRouteDestination,
  Headers,
  Percent,
  StringMatch,
  VirtualService,
} from './gen/networking/v1alpha3/virtual_service_pb.ts';
export { WorkloadEntrySchema } from './gen/networking/v1alpha3/workload_entry_pb.ts';
export type { WorkloadEntry } from './gen/networking/v1alpha3/workload_entry_pb.ts';
export { WorkloadGroupSchema } from './gen/networking/v1alpha3/workload_group_pb.ts';
export type { WorkloadGroup } from './gen/networking/v1alpha3/workload_group_pb.ts';
export { ProxyConfigSchema } from './gen/networking/v1beta1/proxy_config_pb.ts';
export type { ProxyConfig } from './gen/networking/v1beta1/proxy_config_pb.ts';
export type { IstioKind, IstioObject, IstioSpecs } from './istio-object.ts';
export { visibilityIn } from './visibility.ts';
export type { Visibility } from './visibility.ts';
export { CIPHER_SUITES, isCipherSuite } from './cipher-suites.ts';
export { GRPC_CODES } from './grpc-codes.ts';

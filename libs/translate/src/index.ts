// What is translated for whom.
export type { EgressAddress, Proxy } from './proxy.ts';
export type { ClusterDefaults, EgressScope, MeshOptions, OwnPort, ProxyScope } from './scope.ts';
export { CLUSTER_TYPE, EGRESS_ROUTE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE, outboundName } from './names.ts';

// Clusters and their endpoints.
export { bareClusters, clusterResources, clusterVariant, clustersOf, sniDnatClusters } from './clusters.ts';
export { grpcClusters } from './clusters/grpc-clusters.ts';
export { inboundClusters } from './clusters/inbound-clusters.ts';
export { meshClusters } from './clusters/mesh-clusters.ts';
export { outboundClusters } from './clusters/outbound-clusters.ts';
export { bareEndpoints, endpointResources, endpointVariant, endpointsOf, sniDnatEndpoints } from './endpoints.ts';
export { isAnonymous } from './endpoints/locality-priorities.ts';

// Listeners.
export { egressListener } from './listeners/egress.ts';
export { grpcListener } from './listeners/grpc.ts';
export { selfListenerNames } from './listeners/outbound.ts';
export { sidecarListenerKeys, sidecarListeners } from './listeners/sidecar-listeners.ts';
export type { ListenerKey } from './listeners/sidecar-listeners.ts';

// Routes, in the parts that many proxies share, and put together.
export { compareVirtualHosts, composeRoute, composeRouteSteps } from './route.ts';
export { virtualHosts } from './virtual-hosts.ts';
export type { EncodedVirtualHost } from './virtual-hosts.ts';
export { grpcRouteResource } from './routes/grpc-route.ts';
export { RouteAssembly } from './routes/route-assembly.ts';
export type { RouteVirtualHost } from './routes/route-virtual-host.ts';
export { virtualHostsOfRule } from './routes/rule-hosts.ts';
export { virtualHostsOfService } from './routes/service-hosts.ts';
export { sidecarRoute } from './routes/sidecar-route.ts';
export type { SidecarRoute } from './routes/sidecar-route.ts';
export { sidecarRouteResource, sidecarRouteTail } from './routes/sidecar-routes.ts';

// Routers: what their Gateways open.
export { gatewayDiagnostics, gatewayListeners } from './gateways/gateway-listeners.ts';
export { mergeGateways } from './gateways/merge.ts';
export type { MergedGateways, MergedPort } from './gateways/merge.ts';
export { gatewayRouteSteps, gatewayRules } from './routes/gateway-route.ts';
export type { GatewayRules, RouteServer, RulesOf } from './routes/gateway-route.ts';

// Envoy's runtime.
export { RUNTIME_TYPE, runtimeLayer } from './runtime-layer.ts';
export type { RuntimeValues } from './runtime-layer.ts';

// For istiod: services as ServiceEntries, what plans leave to callers as rules; over MCP, and as objects and files.
export { MCP_MESH_CONFIG, SERVICE_ENTRY_TYPE, MCP_TYPES } from './mcp-types.ts';
export { serviceEntryResourceSteps, serviceEntryResources } from './service-entry-resource.ts';
export type { ServiceEntryResources } from './service-entry-resource.ts';
export { validateServiceEntry } from './service-entry-rules.ts';
export { CALLERS_LABEL, callerObjects, isCallerName } from './caller-objects.ts';
export type { CallersEntry } from './caller-objects.ts';
export { callerResource } from './mcp-resource.ts';
export { istioObjects, istioYaml, objectYaml } from './istio-objects.ts';
export type { IstioObjects } from './istio-objects.ts';

// What of the rules has no effect here.
export { ruleDiagnostics, sniDiagnostics } from './rule-diagnostics.ts';

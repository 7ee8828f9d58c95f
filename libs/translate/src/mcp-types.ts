import type { TypeUrl } from '@isthmus/model';

/** The type that istiod subscribes to for ServiceEntries; a `v1alpha3` name is acknowledged and ignored. */
export const SERVICE_ENTRY_TYPE: TypeUrl = 'networking.istio.io/v1/ServiceEntry';

/** `MeshConfig` may stay unanswered; istiod is not synced before every other type has been answered, an empty one too. */
export const MCP_MESH_CONFIG: TypeUrl = 'core/v1alpha1/MeshConfig';

/** What istiod 1.27 to 1.31 ask for over MCP (1.31 also for TrafficExtension). */
export const MCP_TYPES: readonly TypeUrl[] = [
  'extensions.istio.io/v1alpha1/TrafficExtension',
  'extensions.istio.io/v1alpha1/WasmPlugin',
  'networking.istio.io/v1/DestinationRule',
  'networking.istio.io/v1/Gateway',
  SERVICE_ENTRY_TYPE,
  'networking.istio.io/v1/Sidecar',
  'networking.istio.io/v1/VirtualService',
  'networking.istio.io/v1/WorkloadEntry',
  'networking.istio.io/v1/WorkloadGroup',
  'networking.istio.io/v1alpha3/EnvoyFilter',
  'networking.istio.io/v1beta1/ProxyConfig',
  'security.istio.io/v1/AuthorizationPolicy',
  'security.istio.io/v1/PeerAuthentication',
  'security.istio.io/v1/RequestAuthentication',
  'telemetry.istio.io/v1/Telemetry',
];

// The messages of the discovery protocol itself.
export { NodeSchema } from './gen/envoy/config/core/v3/base_pb.ts';
export type { Node } from './gen/envoy/config/core/v3/base_pb.ts';
export {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
  ResourceSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts';
export type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
  Resource,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts';
export { StatusSchema } from './gen/google/rpc/status_pb.ts';
export type { Status } from './gen/google/rpc/status_pb.ts';

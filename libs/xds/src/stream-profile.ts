import type { TypeUrl } from '@isthmus/model';
import type { AnyType } from './frames.ts';
import type { NodeInfo } from './resource-provider.ts';
import type { SubscriptionRules } from './push.ts';
import { CDS, EDS, LDS, PUSH_ORDER } from './type-urls.ts';

/** How the two services of this library, ADS and MCP-over-xDS, differ. */
export interface StreamProfile {
  readonly name: 'ads' | 'mcp';
  /** Types are pushed in this order; others after them. */
  readonly order: readonly TypeUrl[];
  rules(type: TypeUrl, node: NodeInfo): SubscriptionRules;
  /** There is, or may be some day, a resource of this type. */
  serves(type: TypeUrl): boolean;
  anyType(type: TypeUrl): AnyType;
  /** A request for it is not answered while we have no resource of it. */
  silentWhenEmpty(type: TypeUrl): boolean;
  /** State of the world: the pause after a push is as long as the push took until its ACK, at most this many ms. 0: no pause. */
  readonly maxPause: number;
}

export const ADS: StreamProfile = {
  name: 'ads',
  order: PUSH_ORDER,
  // Only listeners and clusters have a wildcard (xDS protocol, "How the client specifies what resources to return"):
  // an Envoy whose last cluster went away sends an empty EDS request and means "none". gRPC clients never mean "all".
  rules: (type, node) => {
    const whole = type === CDS || type === LDS;
    return { wholeType: whole, emptyIsWildcard: whole && !isGrpc(node), keepsUnknown: type === CDS || type === EDS };
  },
  serves: (type) => PUSH_ORDER.includes(type),
  anyType: (type) => type,
  silentWhenEmpty: () => false,
  maxPause: 0,
};

const MCP_RESOURCE = 'type.googleapis.com/istio.mcp.v1alpha1.Resource';

export const MCP: StreamProfile = {
  name: 'mcp',
  order: [],
  rules: () => ({ wholeType: true, emptyIsWildcard: true, keepsUnknown: false }),
  serves: () => true,
  anyType: () => MCP_RESOURCE,
  // An empty MeshConfig would replace the one istiod has from its file.
  silentWhenEmpty: (type) => type.endsWith('/MeshConfig'),
  // Every push makes istiod take the whole type again (1.4 to 23 ms of CPU from 10 to 1,000 services). A delta costs what changed.
  maxPause: 10_000,
};

export function isGrpc(node: NodeInfo): boolean {
  return node.userAgent.startsWith('gRPC') || node.metadata['GENERATOR'] === 'grpc';
}

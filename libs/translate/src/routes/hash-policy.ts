import type {
  DestinationRule,
  HTTPRouteDestination,
  LoadBalancerSettings_ConsistentHashLB,
  TrafficPolicy,
} from '@isthmus/proto/istio';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RouteActionSchema } from '@isthmus/proto/envoy';
import type { RouteContext } from './route-context.ts';

export type HashPolicyInit = NonNullable<MessageInitShape<typeof RouteActionSchema>['hashPolicy']>[number];
type ConsistentHash = LoadBalancerSettings_ConsistentHashLB;

/** The cluster picks by a hash; what is hashed is the route's business. The most specific of subset and port counts. */
export function destinationHash({ destination }: HTTPRouteDestination, at: RouteContext): ConsistentHash | undefined {
  if (destination === undefined) return undefined;
  const rule = at.destinationRule(destination.host)?.spec;
  if (rule === undefined) return undefined;
  const subset = rule.subsets.find(({ name }) => name === destination.subset)?.trafficPolicy;
  const port = destination.port?.number;
  return portHash(subset, port) ?? hashOf(subset) ?? portHash(rule.trafficPolicy, port) ?? hashOf(rule.trafficPolicy);
}

/** Where no rule routes to the service. */
export function serviceHash(rule: DestinationRule | undefined, port: number): ConsistentHash | undefined {
  return portHash(rule?.trafficPolicy, port) ?? hashOf(rule?.trafficPolicy);
}

export function hashPolicies(hash: ConsistentHash | undefined): readonly HashPolicyInit[] {
  const key = hash?.hashKey;
  switch (key?.case) {
    case 'httpHeaderName':
      return [{ policySpecifier: { case: 'header', value: { headerName: key.value } } }];
    case 'httpCookie': {
      const { name, path, ttl, attributes } = key.value;
      const cookie = { name, path, attributes: attributes.map((each) => ({ name: each.name, value: each.value })) };
      return [{ policySpecifier: { case: 'cookie', value: ttl === undefined ? cookie : { ...cookie, ttl } } }];
    }
    case 'useSourceIp':
      return [{ policySpecifier: { case: 'connectionProperties', value: { sourceIp: key.value } } }];
    case 'httpQueryParameterName':
      return [{ policySpecifier: { case: 'queryParameter', value: { name: key.value } } }];
    case undefined:
      return [];
    default:
      return key satisfies never;
  }
}

function hashOf(policy: Pick<TrafficPolicy, 'loadBalancer'> | undefined): ConsistentHash | undefined {
  const lb = policy?.loadBalancer?.lbPolicy;
  return lb?.case === 'consistentHash' ? lb.value : undefined;
}

function portHash(policy: TrafficPolicy | undefined, port: number | undefined): ConsistentHash | undefined {
  if (port === undefined) return undefined;
  return hashOf(policy?.portLevelSettings.find((settings) => settings.port?.number === port));
}

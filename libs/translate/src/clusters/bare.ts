import type { ConnectionPoolSettings, DestinationRule } from '@isthmus/proto/istio';
import type { Policy } from './traffic-policy.ts';

/** Of a rule, by the rule: whether a service under it has clusters without circuit breaking beside those with. */
const known = new WeakMap<DestinationRule, boolean>();

/** Whether anything of the rule ejects hosts, or limits how much may be under way at once. */
export function breaksCircuits(rule: DestinationRule | undefined): boolean {
  if (rule === undefined) return false;
  let breaks = known.get(rule);
  if (breaks === undefined) {
    const policies = [rule.trafficPolicy, ...rule.subsets.map(({ trafficPolicy }) => trafficPolicy)];
    breaks = policies.flatMap((policy) => [policy, ...(policy?.portLevelSettings ?? [])]).some(hasBreaker);
    known.set(rule, breaks);
  }
  return breaks;
}

function hasBreaker(policy: Pick<Policy, 'outlierDetection' | 'connectionPool'> | undefined): boolean {
  const { tcp, http } = policy?.connectionPool ?? {};
  const limits = [tcp?.maxConnections, http?.http1MaxPendingRequests, http?.http2MaxRequests];
  return policy?.outlierDetection !== undefined || limits.some((limit) => (limit ?? 0) > 0);
}

/** Without the limits of a breaker. How many retries there may be at once stays: that is the retries' own. */
export function withoutLimits(pool: ConnectionPoolSettings | undefined): ConnectionPoolSettings | undefined {
  if (pool === undefined) return undefined;
  const { tcp, http } = pool;
  return {
    ...pool,
    ...(tcp !== undefined && { tcp: { ...tcp, maxConnections: 0 } }),
    ...(http !== undefined && { http: { ...http, http1MaxPendingRequests: 0, http2MaxRequests: 0 } }),
  };
}

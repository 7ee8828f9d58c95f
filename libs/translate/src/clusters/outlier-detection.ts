import type { OutlierDetection } from '@isthmus/proto/istio';
import { failurePercentage } from './ejection.ts';
import type { ClusterInit } from './connection-pool.ts';
import type { EjectionRule } from './ejection.ts';

/**
 * Ejection by counting errors only: success rates, which Envoy would count as well, are off. An explicit 0 switches a
 * count off, a count that is left out has Envoy's default.
 */
export function outlierDetection(
  rule: OutlierDetection,
  ejection: EjectionRule | undefined,
): NonNullable<ClusterInit['outlierDetection']> {
  const { consecutive5xxErrors: errors, consecutiveGatewayErrors: gateway, consecutiveLocalOriginFailures: local } = rule;
  return {
    enforcingSuccessRate: 0,
    ...(errors !== undefined && { consecutive5xx: errors, enforcingConsecutive5xx: errors > 0 ? 100 : 0 }),
    ...(gateway !== undefined && {
      consecutiveGatewayFailure: gateway,
      enforcingConsecutiveGatewayFailure: gateway > 0 ? 100 : 0,
    }),
    ...(rule.interval !== undefined && { interval: rule.interval }),
    ...(rule.baseEjectionTime !== undefined && { baseEjectionTime: rule.baseEjectionTime }),
    ...(rule.maxEjectionPercent > 0 && { maxEjectionPercent: rule.maxEjectionPercent }),
    ...(rule.splitExternalLocalOriginErrors && {
      splitExternalLocalOriginErrors: true,
      ...(local !== undefined &&
        local > 0 && { consecutiveLocalOriginFailure: local, enforcingConsecutiveLocalOriginFailure: 100 }),
      enforcingLocalOriginSuccessRate: 0,
    }),
    ...(ejection !== undefined && failurePercentage(ejection)),
  };
}

import type { Policy } from '../clusters/traffic-policy.ts';
import type { ClusterDefaults } from '../scope.ts';

type Balancer = NonNullable<Policy['loadBalancer']>;
type LocalitySetting = NonNullable<Balancer['localityLbSetting']>;

/** How a caller's own place decides which endpoints it gets first. */
export type LocalityRule =
  | { readonly kind: 'none' }
  | { readonly kind: 'distribute'; readonly distribute: LocalitySetting['distribute'] }
  | { readonly kind: 'failover'; readonly labels: readonly string[]; readonly regions: readonly Failover[] }
  | { readonly kind: 'zone-aware'; readonly labels: readonly string[]; readonly regions: readonly Failover[] };

export interface Failover {
  readonly from: string;
  readonly to: string;
}

const NONE: LocalityRule = { kind: 'none' };

/**
 * Outlier detection alone makes callers prefer their own zone, since without it Envoy never finds out that it has to
 * leave it; `enabled: false` switches that off.
 */
export function localityRule(policy: Policy | undefined, mesh: ClusterDefaults): LocalityRule {
  const { zoneAwareLbSetting: zoneAware, localityLbSetting: locality = mesh.localityLb } = policy?.loadBalancer ?? {};
  if (zoneAware !== undefined) {
    if (zoneAware.enabled === false) return NONE;
    return { kind: 'zone-aware', labels: zoneAware.failoverPriority, regions: zoneAware.failover };
  }
  if (locality?.enabled === false) return NONE;
  if (locality !== undefined && locality.distribute.length > 0) return { kind: 'distribute', distribute: locality.distribute };
  if (policy?.outlierDetection === undefined) return NONE;
  return { kind: 'failover', labels: locality?.failoverPriority ?? [], regions: locality?.failover ?? [] };
}

/** The proxy's labels that decide anything. */
export function decidingLabels(rule: LocalityRule): readonly string[] {
  if (rule.kind === 'none' || rule.kind === 'distribute') return [];
  return rule.labels.filter((label) => !label.includes('=')); // `label=value` is compared with the value, not with the proxy's
}

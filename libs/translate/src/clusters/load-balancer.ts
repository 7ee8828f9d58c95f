import { Cluster_LbPolicy } from '@isthmus/proto/envoy';
import { LoadBalancerSettings_SimpleLB as Simple } from '@isthmus/proto/istio';
import type { LoadBalancerSettings } from '@isthmus/proto/istio';
import type { ClusterInit } from './connection-pool.ts';
import type { ClusterDefaults } from '../scope.ts';
import type { Policy } from './traffic-policy.ts';

type Balancing = Pick<ClusterInit, 'lbPolicy' | 'lbConfig'>;

/**
 * Equal weights: the less busy one of two. Unequal weights: Envoy goes round in proportion to
 * weight / (active requests + 1)^bias, and with its default bias of 1 a 3:1 becomes about 2:1 as soon as requests overlap.
 * Isthmus promises the registry's shares, so the bias is 0 where no rule chose a balancer (docs/facts.md has the figures).
 */
const KEEP_SHARES = { activeRequestBias: { defaultValue: 0, runtimeKey: 'isthmus.active_request_bias' } };

/** True where the rule says that calls go to the address that the caller dialled. */
export function isPassthrough(settings: LoadBalancerSettings | undefined): boolean {
  return settings?.lbPolicy.case === 'simple' && settings.lbPolicy.value === Simple.PASSTHROUGH;
}

export function balancing(settings: LoadBalancerSettings | undefined): Balancing {
  const lbPolicy = settings?.lbPolicy;
  if (lbPolicy?.case === 'consistentHash') return consistentHash(lbPolicy.value);
  const chosen = lbPolicy?.case === 'simple' ? lbPolicy.value : Simple.UNSPECIFIED;
  switch (chosen) {
    case Simple.RANDOM:
      return { lbPolicy: Cluster_LbPolicy.RANDOM };
    case Simple.ROUND_ROBIN: {
      const slowStartConfig = slowStart(settings);
      return {
        lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
        ...(slowStartConfig && { lbConfig: { case: 'roundRobinLbConfig', value: { slowStartConfig } } }),
      };
    }
    case Simple.PASSTHROUGH:
      return { lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED };
    default: {
      const slowStartConfig = slowStart(settings);
      const value = { ...(chosen === Simple.UNSPECIFIED && KEEP_SHARES), ...(slowStartConfig && { slowStartConfig }) };
      return {
        lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
        ...(Object.keys(value).length > 0 && { lbConfig: { case: 'leastRequestLbConfig', value } }),
      };
    }
  }
}

type ConsistentHash = Extract<LoadBalancerSettings['lbPolicy'], { case: 'consistentHash' }>['value'];

/** What is hashed is said by the routes; here only how hosts are found by it. */
export function consistentHash({ hashAlgorithm, minimumRingSize }: ConsistentHash): Balancing {
  switch (hashAlgorithm.case) {
    case 'maglev': {
      const { tableSize } = hashAlgorithm.value;
      return {
        lbPolicy: Cluster_LbPolicy.MAGLEV,
        ...(tableSize !== 0n && { lbConfig: { case: 'maglevLbConfig', value: { tableSize } } }),
      };
    }
    case 'ringHash': {
      const { minimumRingSize: size } = hashAlgorithm.value;
      return ring(size === 0n ? undefined : size);
    }
    case undefined:
      return ring(minimumRingSize === 0n ? 1024n : minimumRingSize);
    default:
      return hashAlgorithm satisfies never;
  }
}

function ring(minimumRingSize: bigint | undefined): Balancing {
  return {
    lbPolicy: Cluster_LbPolicy.RING_HASH,
    ...(minimumRingSize !== undefined && { lbConfig: { case: 'ringHashLbConfig', value: { minimumRingSize } } }),
  };
}

function slowStart(settings: LoadBalancerSettings | undefined) {
  const { warmup, warmupDurationSecs } = settings ?? {};
  if (warmup !== undefined) {
    return {
      ...(warmup.duration !== undefined && { slowStartWindow: warmup.duration }),
      // Envoy demands a runtime key; Istio's is no key that anybody could set.
      aggression: { defaultValue: warmup.aggression ?? 1, runtimeKey: '(' },
      minWeightPercent: { value: warmup.minimumPercent ?? 10 },
    };
  }
  return warmupDurationSecs && { slowStartWindow: warmupDurationSecs };
}

/**
 * Panic threshold and how localities are used. Nobody knows better than the registry who is alive: nothing is sent to
 * hosts that were left out (panic mode), unless a rule with outlier detection sets a threshold.
 */
export function commonBalancing(
  { loadBalancer, outlierDetection }: Policy,
  mesh: ClusterDefaults,
): NonNullable<ClusterInit['commonLbConfig']> {
  const { zoneAwareLbSetting: zoneAware, localityLbSetting: locality = mesh.localityLb } = loadBalancer ?? {};
  const common = {
    healthyPanicThreshold: { value: outlierDetection?.minHealthPercent ?? 0 },
    // Envoy (1.36, 1.38; not 1.40) holds a change of health back that follows another within its default of a second, and calls by the old one until then.
    ...(mesh.unhealthy === 'send' && { updateMergeWindow: {} }),
  };
  if (zoneAware !== undefined) {
    const { minClusterSize, enabled } = zoneAware;
    const value = {
      ...(enabled === false && { routingEnabled: { value: 0 } }),
      ...(minClusterSize !== undefined && { minClusterSize: BigInt(minClusterSize) }),
    };
    return { ...common, localityConfigSpecifier: { case: 'zoneAwareLbConfig', value } };
  }
  if (locality === undefined || locality.enabled === false) return common;
  const fallsOver = outlierDetection !== undefined && (locality.failover.length > 0 || locality.failoverPriority.length > 0);
  if (!fallsOver && locality.distribute.length === 0) return common;
  return { ...common, localityConfigSpecifier: { case: 'localityWeightedLbConfig', value: {} } };
}

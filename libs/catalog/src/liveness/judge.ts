import type { Workload } from '@isthmus/model';
import { backingOf, ownership } from './ownership.ts';
import type { Backing, OwnershipEvidence, OwnershipRules, Owns } from './ownership.ts';

/** Why an endpoint that the registry lists is not used. */
export type EvictionCause = 'pod-gone' | 'no-pod' | 'not-ready' | 'terminating' | 'other-workload';

export type Verdict =
  /** `backing`: the Pod behind it, if one is known. */
  | { readonly kind: 'keep'; readonly backing: Backing | undefined }
  /** `pod`: the Pod that was, or that is there now; '' when none was ever seen. */
  | { readonly kind: 'evict'; readonly cause: EvictionCause; readonly pod: string; readonly backing: Backing | undefined };

export interface Evidence extends OwnershipEvidence {
  /** Every Pod that has the address. */
  readonly at: readonly Workload[];
  /** The address is in one of the cluster's ranges. */
  readonly inRange: boolean;
}

/**
 * What Kubernetes says of one endpoint that a registry lists. Pure; only to be asked while the view is live and complete.
 *
 * An address outside the cluster's ranges that no Pod was ever seen to have is somebody else's, and is kept. A node's own
 * address is shared by its host-network Pods and by everything that runs there without Kubernetes, so a Pod counts there
 * only when it is the service's or declares the port.
 */
export function judge(evidence: Evidence, rules: OwnershipRules): Verdict {
  const { at, backing } = evidence;
  const own = at.filter((workload) => !workload.hostNetwork);
  if (own.length > 0) return among(own, evidence, rules, (owns) => owns !== 'no');
  const sharing = at.filter((workload) => workload.hostNetwork);
  if (sharing.length > 0) {
    const declares = (workload: Workload) => workload.ports.some(({ port }) => port === evidence.endpoint.port);
    const counting = sharing.filter((workload) => {
      const owns = ownership(workload, { ...evidence, backing: undefined }, rules);
      return owns === 'yes' || (owns === 'unknown' && declares(workload));
    });
    if (counting.length > 0) return among(counting, evidence, rules, () => true);
    return backing === undefined ? { kind: 'keep', backing } : { kind: 'evict', cause: 'pod-gone', pod: backing.pod, backing };
  }
  if (backing !== undefined) return { kind: 'evict', cause: 'pod-gone', pod: backing.pod, backing };
  if (evidence.inRange) return { kind: 'evict', cause: 'no-pod', pod: '', backing };
  return { kind: 'keep', backing };
}

function among(
  workloads: readonly Workload[],
  evidence: Evidence,
  rules: OwnershipRules,
  counts: (owns: Owns) => boolean,
): Verdict {
  const owning = workloads.filter((workload) => counts(ownership(workload, evidence, rules)));
  const first = owning[0];
  if (first === undefined) {
    // The Pod that was here stays remembered: an address that changed hands is not the newcomer's by being seen.
    return { kind: 'evict', cause: 'other-workload', pod: workloads[0]?.id ?? '', backing: evidence.backing };
  }
  const well = owning.find((workload) => workload.ready && !workload.terminating);
  if (well !== undefined) return { kind: 'keep', backing: backingOf(well) };
  const cause = owning.every((workload) => workload.terminating) ? 'terminating' : 'not-ready';
  return { kind: 'evict', cause, pod: first.id, backing: backingOf(first) };
}

/** "Pod shop/orders-7d9 is gone": for people, without the time. */
export function describeEviction(eviction: { readonly cause: EvictionCause; readonly pod: string }): string {
  const { cause, pod } = eviction;
  switch (cause) {
    case 'pod-gone':
      return `Pod ${pod} is gone`;
    case 'no-pod':
      return 'no Pod has this address, which is in the range of the cluster';
    case 'not-ready':
      return `Pod ${pod} is not ready`;
    case 'terminating':
      return `Pod ${pod} is terminating`;
    case 'other-workload':
      return `the address now belongs to Pod ${pod}, which is not of this service`;
    default:
      return cause satisfies never;
  }
}

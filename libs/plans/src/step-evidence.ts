import type { AgentPresence, ArmTotals, TargetEvidence, TargetId, ViewTotals } from './fleet-view.ts';
import type { Proof } from './retirement.ts';
import type { RegistrationNow } from './withdrawal.ts';

/** What a step is judged by. Calls and comparisons are those since it began. */
export interface StepEvidence {
  readonly sdk: ArmTotals;
  readonly mesh: ArmTotals;
  readonly views: ViewTotals;
  readonly agents: readonly AgentPresence[];
  /** That nobody needs the registration; asked before `retired`. */
  readonly proof: Proof;
  /** Policies that the mesh would lose or only roughly keep; asked before `resilience`. */
  readonly lossy: readonly string[];
  /** Where SDKs register the target; asked before `retired`, at it, and on its way back. */
  readonly registrations: readonly RegistrationNow[];
  /** Instances that take traffic and that the mesh has from elsewhere than those registrations. */
  readonly elsewhere: number;
  readonly target: TargetId;
}

/** Totals of a step: those now less those when it began. A total that has shrunk was counted by another process: it counts alone. */
export function since(now: TargetEvidence, begun: TargetEvidence | undefined): Pick<StepEvidence, 'sdk' | 'mesh' | 'views'> {
  if (begun === undefined) return { ...now.arms, views: now.views };
  return {
    sdk: armSince(now.arms.sdk, begun.arms.sdk),
    mesh: armSince(now.arms.mesh, begun.arms.mesh),
    views:
      now.views.comparisons < begun.views.comparisons
        ? now.views
        : {
            comparisons: now.views.comparisons - begun.views.comparisons,
            matched: now.views.matched - begun.views.matched,
            union: now.views.union - begun.views.union,
          },
  };
}

function armSince(now: ArmTotals, begun: ArmTotals): ArmTotals {
  if (now.calls < begun.calls) return now;
  return {
    calls: now.calls - begun.calls,
    failures: now.failures - begun.failures,
    attempts: now.attempts - begun.attempts,
    latency: now.latency.map((count, at) => count - (begun.latency[at] ?? 0)),
  };
}

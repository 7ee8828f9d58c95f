import type { LiftView, PolicyView, ReportedPolicy } from '@isthmus/contract';
import { POLICIES } from '@isthmus/ladder';
import { liftHosts, lossyFields, rulesOf } from '@isthmus/lift';
import type { Migration } from '@isthmus/plans';
import type { TargetFacts } from '../plans/target-facts.ts';
import type { Fleet } from './fleet.ts';
import type { KeptPolicies } from './kept-policies.ts';

/** Where policies are known from. */
export interface PolicySources {
  readonly fleet: Pick<Fleet, 'policiesOf'>;
  readonly kept: KeptPolicies;
}

/** What the processes of a service, or of all, say of their policies, each once, with those that have it; then what registries keep. */
export function reportedPolicies({ fleet, kept }: PolicySources, service = '*'): readonly ReportedPolicy[] {
  const known = new Map<string, ReportedPolicy & { readonly instances: string[] }>();
  for (const { instance, policies } of fleet.policiesOf(service)) {
    for (const policy of policies) {
      const key = JSON.stringify(policy);
      const held = known.get(key);
      if (held === undefined) known.set(key, { ...policy, instances: [instance] });
      else if (held.instances.length < MOST_INSTANCES) held.instances.push(instance);
    }
  }
  const reported = [...known].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, policy]) => policy);
  return [...reported, ...kept.policiesOf(service)];
}

const MOST_INSTANCES = 20;

/** The same, each with what the mesh would lose of it. */
export function policyViews(sources: PolicySources, service?: string): readonly PolicyView[] {
  return reportedPolicies(sources, service).map((policy) => ({ ...policy, lost: lossyFields([policy], [policy.policy]) }));
}

/** Those policies as rules, with what each field becomes; of one host, or of all. */
export function liftedPolicies(sources: PolicySources, service?: string, host?: string): readonly LiftView[] {
  const policies = reportedPolicies(sources, service).filter((policy) => host === undefined || policy.host === host);
  return liftHosts(policies).hosts.map((lifted) => ({
    host: lifted.host,
    rules: rulesOf(lifted, NAMESPACE),
    fields: lifted.fields,
  }));
}

const NAMESPACE = 'default';

/**
 * What stops a plan before `resilience` unless it accepts it: fields of its consumers' policies that the mesh would lose, and policies
 * that nobody has read. A policy that names no target, such as an undici agent's, is of every target.
 */
export function lossyPolicies(
  sources: PolicySources,
  { host, sdkNames }: TargetFacts,
  { consumers, steps }: Migration,
): readonly string[] {
  const hand = steps.flatMap((step) => (step.rung === 'resilience' || step.rung === 'retired' ? (step.hand ?? POLICIES) : []));
  const names = new Set<string>([host, ...sdkNames]);
  const policies = consumers.flatMap((consumer) => reportedPolicies(sources, consumer));
  const unread = hand.includes('circuitBreaking') ? consumers.flatMap((consumer) => sources.kept.unread(consumer, names)) : [];
  const lossy = lossyFields(
    policies.filter((policy) => policy.host === undefined || names.has(policy.host)),
    hand,
  );
  return [...lossy, ...new Set(unread)];
}

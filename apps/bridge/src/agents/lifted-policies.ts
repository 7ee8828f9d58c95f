import type { LiftView, ReportedPolicy } from '@isthmus/contract';
import { POLICIES } from '@isthmus/ladder';
import { liftHosts, lossyFields, rulesOf } from '@isthmus/lift';
import type { Migration } from '@isthmus/plans';
import type { TargetFacts } from '../plans/target-facts.ts';
import type { Fleet } from './fleet.ts';

type Told = Pick<Fleet, 'policiesOf'>;

/** What the processes of a service, or of all, say of their policies; each once, with those that have it. */
export function reportedPolicies(fleet: Told, service = '*'): readonly ReportedPolicy[] {
  const known = new Map<string, ReportedPolicy & { readonly instances: string[] }>();
  for (const { instance, policies } of fleet.policiesOf(service)) {
    for (const policy of policies) {
      const key = JSON.stringify(policy);
      const held = known.get(key);
      if (held === undefined) known.set(key, { ...policy, instances: [instance] });
      else if (held.instances.length < MOST_INSTANCES) held.instances.push(instance);
    }
  }
  return [...known].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, policy]) => policy);
}

const MOST_INSTANCES = 20;

/** Those policies as rules, with what each field becomes; of one host, or of all. */
export function liftedPolicies(fleet: Told, service?: string, host?: string): readonly LiftView[] {
  const policies = reportedPolicies(fleet, service).filter((policy) => host === undefined || policy.host === host);
  return liftHosts(policies).hosts.map((lifted) => ({
    host: lifted.host,
    rules: rulesOf(lifted, NAMESPACE),
    fields: lifted.fields,
  }));
}

const NAMESPACE = 'default';

/**
 * What stops a plan before `resilience` unless it accepts it: fields of its consumers' policies that the mesh would lose. A policy that
 * names no target, such as an undici agent's, is of every target.
 */
export function lossyPolicies(fleet: Told, { host, sdkNames }: TargetFacts, { consumers, steps }: Migration): readonly string[] {
  const hand = steps.flatMap((step) => (step.rung === 'resilience' || step.rung === 'retired' ? (step.hand ?? POLICIES) : []));
  const names = new Set<string>([host, ...sdkNames]);
  const policies = consumers.flatMap((consumer) => reportedPolicies(fleet, consumer));
  return lossyFields(
    policies.filter((policy) => policy.host === undefined || names.has(policy.host)),
    hand,
  );
}

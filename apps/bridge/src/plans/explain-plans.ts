import type { ExplainedPlan, ExplainedProcess, ExplainedWithdrawal } from '@isthmus/contract';
import { rankOf } from '@isthmus/ladder';
import type { Position } from '@isthmus/ladder';
import { serviceId } from '@isthmus/model';
import type { MeshHost } from '@isthmus/model';
import { withdrawnIn } from '@isthmus/plans';
import type { AgentPresence } from '@isthmus/plans';
import type { PlanEntry } from './plan-entry.ts';
import { planAudit, planDetail } from './plan-views.ts';
import type { Plans } from './plans.ts';

/** Processes of one plan in an answer. */
const MOST_PROCESSES = 1_000;

/** Hosts that plans name, known to a registry or not. */
export function hostsOfPlans(plans: Plans): ReadonlySet<MeshHost> {
  return new Set(plans.all().flatMap((entry) => hostOf(entry) ?? []));
}

/** The plans of a host: what they want, who is not there and why, and what they took out of registries. */
export function explainPlans(plans: Plans, host: MeshHost): readonly ExplainedPlan[] {
  return plans.all().flatMap((entry) => (hostOf(entry) === host ? [explainPlan(plans, entry)] : []));
}

function hostOf({ facts, migration }: PlanEntry): MeshHost | undefined {
  if (facts !== undefined) return facts.host as MeshHost;
  return migration?.target.kind === 'host' ? migration.target.host : undefined;
}

function explainPlan(plans: Plans, entry: PlanEntry): ExplainedPlan {
  const { document: _document, dueAt: _dueAt, gates: _gates, proof: _proof, ...plan } = planDetail(plans, entry);
  const [last] = planAudit(entry);
  const processes = plan.state === 'waiting' ? [] : plans.agentsOf(entry).map((agent) => explainProcess(agent, plan));
  return {
    ...plan,
    ...(last === undefined ? {} : { last }),
    processes: processes.sort((a, b) => Number(a.why === undefined) - Number(b.why === undefined)).slice(0, MOST_PROCESSES),
    withdrawn: withdrawnBy(plans, entry),
  };
}

function explainProcess(agent: AgentPresence, wanted: Pick<Position, 'rung' | 'percent'>): ExplainedProcess {
  const { service, instance, connected, acknowledged, acknowledgedAt, effective } = agent;
  const why = whyNotThere(agent, wanted);
  return {
    ...{ service, instance, connected, acknowledged },
    ...(acknowledgedAt === undefined ? {} : { acknowledgedAt }),
    ...(effective === undefined ? {} : { effective }),
    ...(why === undefined ? {} : { why }),
  };
}

function whyNotThere(
  { connected, acknowledged, effective, why }: AgentPresence,
  wanted: Pick<Position, 'rung' | 'percent'>,
): string | undefined {
  if (!connected) return 'it is not connected: it keeps the plan that it heard of last';
  if (!acknowledged) return 'it has not said yet that the newest plan is in force there';
  if (effective === undefined) return 'it has not reported of this target yet';
  const below = rankOf(effective.rung) - rankOf(wanted.rung);
  if (below > 0 || (below === 0 && effective.percent >= wanted.percent)) return undefined;
  return why ?? 'its agent does not say why it is lower';
}

function withdrawnBy(plans: Plans, entry: PlanEntry): readonly ExplainedWithdrawal[] {
  const { migration, row } = entry;
  const kept = row.status.withdrawal?.registrations ?? [];
  if (kept.length === 0) return [];
  const out = new Set(withdrawnIn(migration, row.status).map(({ key }) => serviceId(key)));
  const now = new Map(plans.evidence(entry)?.registrations.map(({ key, listed }) => [serviceId(key), listed]));
  return kept.map(({ key, sdkName, instances }) => {
    const listed = now.get(serviceId(key));
    const state = out.has(serviceId(key)) ? 'out' : 'returning';
    return { registry: key.source, sdkName, state, before: instances, ...(listed === undefined ? {} : { listed }) };
  });
}

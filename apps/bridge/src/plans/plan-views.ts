import type { PlanAuditView, PlanDetail, PlanView } from '@isthmus/contract';
import { judge, positionIn, stepOf, stillListedAfter, verdictOf } from '@isthmus/plans';
import type { AgentPresence } from '@isthmus/plans';
import { describeTarget } from './plan-entry.ts';
import type { PlanEntry } from './plan-entry.ts';
import type { Plans } from './plans.ts';

/** Agents named in one answer. */
const MOST_NAMES = 1_000;

export function planView(plans: Plans, entry: PlanEntry): PlanView {
  const { name, row, migration, facts, overlaps } = entry;
  const { state } = row.status;
  const agents = plans.agentsOf(entry);
  const about = {
    name,
    target: migration === undefined ? '' : describeTarget(migration.target),
    consumers: migration?.consumers ?? [],
    origin: row.origin,
    steps: migration?.steps.length ?? 0,
    since: state.since,
    agents: {
      connected: agents.filter(({ connected }) => connected).length,
      acknowledged: agents.filter(({ connected, acknowledged }) => connected && acknowledged).length,
      notConnected: notConnected(agents),
    },
  };
  const at = 'step' in state ? { step: state.step + 1 } : {};
  const held =
    migration === undefined
      ? 'this version of the bridge does not understand it'
      : overlaps !== undefined
        ? `plan ${overlaps} has its target for one of its consumers`
        : facts === undefined
          ? 'its target is in no registry'
          : undefined;
  if (migration === undefined || held !== undefined || facts === undefined)
    return { ...about, ...at, state: 'waiting', rung: 'sdk', percent: 100, why: held ?? '' };
  const { rung, percent } = positionIn(migration, state);
  const known = { ...about, ...at, host: facts.host, port: facts.port, rung, percent };
  const why = 'why' in state ? { why: state.why } : {};
  return { ...known, ...why, state: state.kind === 'rolledBack' ? 'rolled-back' : state.kind };
}

export function planDetail(plans: Plans, entry: PlanEntry): PlanDetail {
  const { row, migration } = entry;
  const evidence = plans.evidence(entry);
  const step = migration === undefined ? undefined : stepOf(migration, row.status.state);
  const none = { ...planView(plans, entry), document: row.document, waitsFor: [], gates: [], proof: [] };
  if (migration === undefined || evidence === undefined || entry.overlaps !== undefined) return none;
  const { kind } = row.status.state;
  const verdict = kind === 'running' || kind === 'returning' ? verdictOf(migration, row.status, evidence, plans.now) : undefined;
  return {
    ...none,
    waitsFor: verdict?.kind === 'wait' ? verdict.why : kind === 'done' ? stillListedAfter(row.status, evidence) : [],
    ...(verdict?.kind === 'wait' && verdict.dueAt !== undefined ? { dueAt: verdict.dueAt } : {}),
    gates: step === undefined ? [] : judge(step, evidence, row.status.reference),
    proof: evidence.proof.items,
  };
}

/** The newest first. */
export function planAudit({ row }: PlanEntry): readonly PlanAuditView[] {
  return row.audit.toReversed();
}

export function notConnected(agents: readonly AgentPresence[]): readonly string[] {
  const away = agents.filter(({ connected }) => !connected);
  return away.slice(0, MOST_NAMES).map(({ service, instance }) => `${service}/${instance}`);
}

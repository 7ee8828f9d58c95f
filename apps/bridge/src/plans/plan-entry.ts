import type { AgentTarget } from '@isthmus/contract';
import { serviceId } from '@isthmus/model';
import { positionIn, sharedConsumers, since, stepOf } from '@isthmus/plans';
import type { FleetView, Migration, PlanRow, PlanTarget, Proof, StepEvidence, Subscribers, TargetEvidence } from '@isthmus/plans';
import { proofOf } from '@isthmus/plans';
import type { TargetFacts } from './target-facts.ts';

/** What the bridge knows of one plan: the ledger's row, and what is derived from it and from the catalog. */
export interface PlanEntry {
  readonly name: string;
  row: PlanRow;
  /** Undefined: this version does not understand what is kept. */
  migration: Migration | undefined;
  /** The last that was known: a target that is gone from every registry stays where it is. */
  facts: TargetFacts | undefined;
  /** Another plan has its target for one of its consumers: nobody is told of this one. */
  overlaps: string | undefined;
  /** The totals when everyone was in its step, or when this process first saw it there. */
  begun: { readonly step: string; readonly totals: TargetEvidence; readonly isSettled: boolean } | undefined;
  /** Who subscribes at the registries, as last told. */
  subscribers: readonly Subscribers[] | undefined;
  askedAt: number;
  /** Ends the wait for its time. */
  timer: (() => void) | undefined;
}

/** How long a step's calls are not counted while an agent has not acknowledged it, ms. */
const SETTLE_MS = 30_000;

/** A step by its beginning: evidence is counted anew where this changes. */
function stepKey({ state }: PlanRow['status']): string {
  return 'step' in state ? `${state.step} ${state.since}` : state.kind;
}

/** What the plan's step is judged by now. Takes note of the totals where a step is seen for the first time. */
export function evidenceOf(
  entry: PlanEntry,
  migration: Migration,
  facts: TargetFacts,
  {
    fleet,
    lossyOf,
    now,
  }: { fleet: FleetView; lossyOf: (target: TargetFacts, migration: Migration) => readonly string[]; now: number },
): StepEvidence {
  const totals = fleet.evidenceOf(facts, migration.consumers);
  const step = stepKey(entry.row.status);
  const agents = fleet.agentsOf(facts, migration.consumers);
  if (entry.begun?.step !== step || !entry.begun.isSettled) {
    // The first report of a step also tells of calls before it. An agent that never acknowledges must not keep gates from failing.
    const isSettled =
      now - entry.row.status.state.since > SETTLE_MS || agents.every(({ connected, acknowledged }) => !connected || acknowledged);
    entry.begun = { step, totals, isSettled };
  }
  return {
    ...since(totals, entry.begun.totals),
    agents,
    proof: proof(entry, migration, facts, fleet, now),
    lossy: lossyOf(facts, migration),
    registered: isRegistered(facts),
  };
}

function proof(entry: PlanEntry, { steps, consumers }: Migration, facts: TargetFacts, fleet: FleetView, now: number): Proof {
  const retired = steps.find(({ rung }) => rung === 'retired');
  if (retired === undefined) return { items: [] };
  const services = new Set(facts.registrations.map(({ key }) => key.name));
  return proofOf(
    {
      subscribers: entry.subscribers ?? facts.registrations.map(({ key }) => unasked(key.source)),
      providers: [...services].flatMap((service) => fleet.providersOf(service)),
      instances: facts.registrations.reduce((sum, { listed = 0 }) => sum + listed, 0),
      agents: fleet.agentsOf(facts, consumers),
      elsewhere: facts.elsewhere,
    },
    retired.quietMs ?? 0,
    now,
  );
}

function unasked(registry: string): Subscribers {
  return { kind: 'unknown', registry, why: 'it was not asked yet' };
}

function isRegistered({ registrations }: TargetFacts): boolean | undefined {
  if (registrations.some(({ listed = 0 }) => listed > 0)) return true;
  return registrations.some(({ listed }) => listed === undefined) ? undefined : false;
}

/** What agents are told of the plan. */
export function agentTarget(
  entry: PlanEntry,
  migration: Migration,
  { host, port, addresses, sdkNames }: TargetFacts,
): AgentTarget {
  const { rung, percent, hand } = positionIn(migration, entry.row.status.state);
  const stickyBy = stepOf(migration, entry.row.status.state)?.stickyBy;
  return {
    host,
    port,
    rung,
    percent,
    ...(stickyBy === undefined ? {} : { stickyBy }),
    ...(rung === 'resilience' ? { hand } : {}),
    addresses,
    sdkNames,
    ...(migration.originatesTls === undefined ? {} : { originatesTls: migration.originatesTls }),
    ...(migration.leaseS === undefined ? {} : { leaseS: migration.leaseS }),
  };
}

/** Consumers that two plans would both move; none where their targets are, or may be, different. */
export function overlapOf(
  a: { readonly migration: Migration; readonly facts: TargetFacts | undefined },
  b: { readonly migration: Migration; readonly facts: TargetFacts | undefined },
): readonly string[] {
  const isSame =
    a.facts !== undefined && b.facts !== undefined
      ? a.facts.host === b.facts.host && a.facts.port === b.facts.port
      : JSON.stringify(a.migration.target) === JSON.stringify(b.migration.target);
  return isSame ? sharedConsumers(a.migration.consumers, b.migration.consumers) : [];
}

export function describeTarget(target: PlanTarget): string {
  const port = target.port === undefined ? '' : `:${target.port}`;
  return `${target.kind === 'host' ? target.host : serviceId(target.key)}${port}`;
}

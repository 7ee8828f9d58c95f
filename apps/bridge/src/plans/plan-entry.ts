import type { AgentTarget } from '@isthmus/contract';
import { serviceId } from '@isthmus/model';
import type { ServiceKey } from '@isthmus/model';
import { holdersOf, positionIn, sharedConsumers, since, stepOf } from '@isthmus/plans';
import type {
  AgentPresence,
  RegistrationNow,
  FleetView,
  Migration,
  PlanRow,
  PlanTarget,
  Proof,
  StepEvidence,
  Subscribers,
  TargetEvidence,
} from '@isthmus/plans';
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
    listedOf,
    now,
  }: {
    readonly fleet: FleetView;
    readonly lossyOf: (target: TargetFacts, migration: Migration) => readonly string[];
    readonly listedOf: (key: ServiceKey) => number | undefined;
    readonly now: number;
  },
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
  const isRetiring = migration.steps.some(({ rung }) => rung === 'retired') || entry.row.status.withdrawal !== undefined;
  const registrations = isRetiring ? registrationsOf(entry, facts, fleet, listedOf) : [];
  return {
    ...since(totals, entry.begun.totals),
    agents,
    proof: proof(entry, migration, facts, { fleet, now, registrations }),
    lossy: lossyOf(facts, migration),
    registrations,
    elsewhere: facts.elsewhere,
    target: { host: facts.host, port: facts.port },
  };
}

/** Those that there are, and those that went when it was retired. */
function registrationsOf(
  { row }: PlanEntry,
  facts: TargetFacts,
  fleet: FleetView,
  listedOf: (key: ServiceKey) => number | undefined,
): readonly RegistrationNow[] {
  const known = new Map(facts.registrations.map(({ key, sdkName, listed }) => [serviceId(key), { key, sdkName, listed }]));
  for (const { key, sdkName } of row.status.withdrawal?.registrations ?? [])
    known.set(serviceId(key), { key, sdkName, listed: listedOf(key) });
  return [...known.values()].map((one) => {
    const holders = serviceNamesOf(one.key).flatMap((service) => holdersOf(one.sdkName, service, fleet.providersOf(service)));
    return { ...one, holders };
  });
}

/** What processes that are registered under a name are called as agents: Eureka's names are in capitals, whatever they were registered as. */
export function serviceNamesOf({ name }: Pick<ServiceKey, 'name'>): readonly string[] {
  return [...new Set([name, name.toLowerCase()])];
}

function proof(
  entry: PlanEntry,
  { steps, consumers }: Migration,
  facts: TargetFacts,
  { fleet, now, registrations }: { fleet: FleetView; now: number; registrations: readonly RegistrationNow[] },
): Proof {
  const retired = steps.find(({ rung }) => rung === 'retired');
  if (retired === undefined) return { items: [] };
  const services = new Set(facts.registrations.flatMap(({ key }) => serviceNamesOf(key)));
  return proofOf(
    {
      subscribers: entry.subscribers ?? facts.registrations.map(({ key }) => unasked(key.source)),
      providers: [...services].flatMap((service) => fleet.providersOf(service)),
      instances: facts.registrations.reduce((sum, { listed = 0 }) => sum + listed, 0),
      agents: agentsOfTarget(fleet, facts, consumers),
      elsewhere: facts.elsewhere,
      registrations,
    },
    retired.quietMs ?? 0,
    now,
  );
}

function unasked(registry: string): Subscribers {
  return { kind: 'unknown', registry, why: 'it was not asked yet' };
}

/** Those of this plan, and whoever else calls the target by a plan of its own: its SDK needs the registration, too. */
function agentsOfTarget(fleet: FleetView, facts: TargetFacts, consumers: Migration['consumers']): readonly AgentPresence[] {
  const own = fleet.agentsOf(facts, consumers);
  if (consumers.includes('*')) return own;
  const services = new Set(own.map(({ service }) => service));
  return [...own, ...fleet.agentsOf(facts, ['*']).filter((one) => !services.has(one.service) && one.effective !== undefined)];
}

/** What agents are told of the plan. @param timeoutMs what the mesh gives a call */
export function agentTarget(
  entry: PlanEntry,
  migration: Migration,
  { host, port, addresses, sdkNames }: TargetFacts,
  timeoutMs: number | undefined,
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
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
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

import type { PlanChangeView } from '@isthmus/contract';
import { serviceId } from '@isthmus/model';
import { NO_CALLS, NO_VIEWS, begin, command, isRetired, positionIn, respecified, rollBack } from '@isthmus/plans';
import type { Advance, Migration, PlanCommand, PlanRow, PlanState, StepEvidence, WrittenMigration } from '@isthmus/plans';
import { overlapOf } from './plan-entry.ts';
import type { PlanEntry } from './plan-entry.ts';
import { notConnected } from './plan-views.ts';
import type { Plans } from './plans.ts';

/** Why a plan is not taken or a command not done. */
export interface Refused {
  readonly name: string;
  readonly refused: string;
  readonly remedy: string;
}

/** What would be written, and what is told of it. */
export interface Change {
  readonly view: PlanChangeView;
  /** Undefined: nothing is to be done. */
  readonly write: (() => void) | undefined;
}

const NOTHING: StepEvidence = {
  sdk: NO_CALLS,
  mesh: NO_CALLS,
  views: NO_VIEWS,
  agents: [],
  proof: { items: [] },
  lossy: [],
  registrations: [],
  elsewhere: 0,
  target: { host: '', port: 0 },
};

/** A plan is new or has another spec. @param origin who says so: what a file owns, only its file changes */
export function specify(
  plans: Plans,
  { migration, document }: WrittenMigration,
  origin: PlanRow['origin'],
  batch: readonly Migration[] = [],
): Change | Refused {
  const { name } = migration;
  const entry = plans.get(name);
  if (origin === 'api' && entry?.row.origin === 'file')
    return { name, refused: 'its file owns it', remedy: 'change the file in plans.dir; the bridge reads it at once' };
  if (entry?.row.status.withdrawal !== undefined && JSON.stringify(entry.migration?.target) !== JSON.stringify(migration.target))
    return {
      name,
      refused: 'its target is retired',
      remedy: `isthmus plan rollback ${name}, and change its target when it is back at sdk`,
    };
  const overlap = overlapping(plans, migration, batch);
  if (overlap !== undefined) return { name, ...overlap };
  const cause = {
    at: plans.now,
    by: origin === 'file' ? 'file' : 'hand',
    why: origin === 'file' ? 'its file says so' : 'it was applied',
  } as const;
  const facts = plans.factsOf(migration.target);
  if (entry === undefined) {
    const result = begin(migration, evidenceOfNew(plans, migration, facts), cause);
    return change(plans, { name, before: undefined, migration, result, action: 'created', row: { document, origin, audit: [] } });
  }
  const isSame = JSON.stringify(entry.row.document) === JSON.stringify(document);
  if (isSame && entry.row.origin === origin) return change(plans, { name, before: entry, migration, action: 'unchanged' });
  const evidence = plans.evidence(entry, migration, facts) ?? NOTHING;
  const result: Advance = isSame
    ? { status: entry.row.status, entries: [{ ...cause, what: `is the ${origin}'s now` }] }
    : entry.migration === undefined
      ? begin(migration, evidence, cause)
      : respecified(entry.migration, migration, entry.row.status, evidence, cause);
  return change(plans, {
    name,
    before: entry,
    migration,
    result,
    action: 'changed',
    row: { document, origin, audit: entry.row.audit },
  });
}

/** A plan that does not exist yet has no totals of its own: what its step is entered by is presence, proof and policies. */
function evidenceOfNew(plans: Plans, migration: Migration, facts: ReturnType<Plans['factsOf']>): StepEvidence {
  return facts === undefined ? NOTHING : { ...NOTHING, lossy: plans.lossyOf(facts, migration) };
}

/** Pause, resume, promote or rollback. */
export function steer(plans: Plans, entry: PlanEntry, asked: PlanCommand): Change | Refused {
  const { name, migration } = entry;
  if (migration === undefined)
    return { name, refused: 'this version of the bridge does not understand it', remedy: 'isthmus get diagnostics' };
  const result = command(migration, entry.row.status, asked, plans.evidence(entry) ?? NOTHING, plans.now);
  if ('refused' in result) return { name, ...result };
  return change(plans, { name, before: entry, migration, result, action: result.entries.length > 0 ? 'changed' : 'unchanged' });
}

/** The plan goes, and its agents to `sdk`; from `retired` by way of a registration. */
export function remove(plans: Plans, entry: PlanEntry, origin: PlanRow['origin']): Change | Refused {
  const { name, migration } = entry;
  if (origin === 'api' && entry.row.origin === 'file')
    return { name, refused: 'its file owns it', remedy: 'remove it from plans.dir; the bridge sees it at once' };
  const before = positionOf(migration, entry.row.status.state);
  const isBound =
    migration !== undefined && (isRetired(migration, entry.row.status.state) || entry.row.status.state.kind === 'returning');
  if (isBound) {
    const why = origin === 'file' ? 'its file is gone' : 'delete was asked for';
    const result = rollBack(migration, entry.row.status, { at: plans.now, by: origin === 'file' ? 'file' : 'hand', why }, true);
    return change(plans, { name, before: entry, migration, result, action: 'deleted' });
  }
  return {
    view: {
      name,
      action: 'deleted',
      dryRun: false,
      what: ['deleted; its agents go to sdk'],
      before,
      after: { rung: 'sdk', percent: 100 },
      notConnected: notConnected(plans.agentsOf(entry)),
    },
    write: () => plans.store.put(name, undefined),
  };
}

interface Changed {
  readonly name: string;
  readonly before: PlanEntry | undefined;
  readonly migration: Migration;
  readonly action: PlanChangeView['action'];
  readonly result?: Advance;
  /** Absent: the spec is as it was. */
  readonly row?: Omit<PlanRow, 'status'>;
}

function change(plans: Plans, { name, before, migration, action, result, row }: Changed): Change {
  const state = result?.status.state ?? before?.row.status.state;
  const view: PlanChangeView = {
    name,
    action,
    dryRun: false,
    what: (result?.entries ?? []).map(({ what, why }) => `${what} (${why})`),
    before: positionOf(before?.migration, before?.row.status.state),
    after: positionOf(migration, state),
    notConnected: notConnected(before === undefined ? [] : plans.agentsOf(before)),
  };
  if (result === undefined) return { view, write: undefined };
  return { view, write: () => plans.take(name, row ?? before?.row, result) };
}

function positionOf(migration: Migration | undefined, state: PlanState | undefined): PlanChangeView['before'] {
  if (migration === undefined || state === undefined) return { rung: 'sdk', percent: 100 };
  const { rung, percent } = positionIn(migration, state);
  return { rung, percent };
}

/** Another plan, kept or of the same request, that has the target for one of the consumers. */
function overlapping(plans: Plans, migration: Migration, batch: readonly Migration[]): Omit<Refused, 'name'> | undefined {
  const others = [
    ...plans
      .all()
      .flatMap((entry) =>
        entry.migration === undefined || batch.some(({ name }) => name === entry.name) ? [] : [entry.migration],
      ),
    ...batch,
  ];
  const facts = plans.factsOf(migration.target);
  for (const other of others) {
    if (other.name === migration.name) continue;
    const shared = overlapOf({ migration, facts }, { migration: other, facts: plans.factsOf(other.target) });
    if (shared.length === 0) continue;
    const target = facts?.host ?? (migration.target.kind === 'host' ? migration.target.host : serviceId(migration.target.key));
    return {
      refused: `plan ${other.name} has ${target} already for ${shared.includes('*') ? 'every consumer' : shared.slice(0, 5).join(', ')}`,
      remedy: `change plan ${other.name}, delete it, or give the two different consumers`,
    };
  }
  return undefined;
}

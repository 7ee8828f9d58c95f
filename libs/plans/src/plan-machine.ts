import { formatDuration } from '@isthmus/model';
import { rankOf } from '@isthmus/ladder';
import { judge, referenceOf } from './gates.ts';
import type { GateResult } from './gates.ts';
import type { Migration, Step } from './migration.ts';
import { describeStep, isRetired, stepOf } from './plan-state.ts';
import type { AuditEntry, PlanState, PlanStatus } from './plan-state.ts';
import { isProven, names } from './retirement.ts';
import type { StepEvidence } from './step-evidence.ts';
import { notYetBack, stillListed, withdrawalOf } from './withdrawal.ts';

/** What a step comes to. */
export type Verdict =
  | { readonly kind: 'pass' }
  /** At least one reason; `dueAt`: when time alone may change it, ms since the epoch. */
  | { readonly kind: 'wait'; readonly why: readonly string[]; readonly dueAt?: number }
  | { readonly kind: 'fail'; readonly why: string };

export interface Advance {
  readonly status: PlanStatus;
  /** Empty: nothing happened. */
  readonly entries: readonly AuditEntry[];
}

/** Whether a running step has passed, failed, or what it waits for. Gates of its own first, then what the next one asks for. */
export function verdictOf(migration: Migration, status: PlanStatus, evidence: StepEvidence, now: number): Verdict {
  const { state, reference } = status;
  if (state.kind === 'returning') return { kind: 'wait', why: returnWaitsFor(status, evidence) };
  const step = stepOf(migration, state);
  if (state.kind !== 'running' || step === undefined) return { kind: 'wait', why: ['it is not running'] };
  const gates = judge(step, evidence, reference);
  const ends = state.since + step.forMs;
  // What hurts callers ends the step at once; views flap at different speeds, and nothing has moved: they have until its end.
  const violated = gates.filter(({ gate, outcome }) => outcome === 'violated' && (gate !== 'similarity' || now >= ends));
  if (violated.length > 0) return { kind: 'fail', why: violated.map(describeGate).join('; ') };
  const why = [
    ...(now < ends ? [`${formatDuration(ends - now)} of ${formatDuration(step.forMs)} are left`] : []),
    ...gates.filter(({ outcome }) => outcome !== 'holds').map(describeGate),
    ...agentsWaitedFor(step, evidence),
    ...obstaclesToEnd(migration, status, evidence),
  ];
  const next = migration.steps[state.step + 1];
  const obstacles = next === undefined ? [] : obstaclesTo(migration, next, evidence);
  if (why.length === 0 && obstacles.length === 0) return { kind: 'pass' };
  const dueAt = now < ends ? ends : isOpen(next, step, status) ? evidence.proof.dueAt : undefined;
  return { kind: 'wait', why: [...why, ...obstacles], ...(dueAt === undefined || dueAt <= now ? {} : { dueAt }) };
}

/** Time went on, or evidence came: at most one step, by itself. */
export function advance(migration: Migration, status: PlanStatus, evidence: StepEvidence, now: number): Advance {
  const { state } = status;
  if (state.kind === 'returning' && returnWaitsFor(status, evidence).length === 0) {
    const why = 'the target is registered again';
    const rolledBack: PlanState = { kind: 'rolledBack', since: now, from: migration.steps.length - 1, why: state.why };
    const { withdrawal: _over, ...rest } = status;
    return { status: { ...rest, state: rolledBack }, entries: [{ at: now, by: 'gate', what: 'back at sdk', why }] };
  }
  if (state.kind !== 'running') return { status, entries: [] };
  const withdrawn = withdrawing(migration, status, evidence, now);
  if (withdrawn !== undefined) return withdrawn;
  const verdict = verdictOf(migration, status, evidence, now);
  switch (verdict.kind) {
    case 'wait':
      return { status, entries: [] };
    case 'pass':
      return climbed(migration, status, evidence, { at: now, by: 'gate', why: 'its time is over and its gate holds' });
    case 'fail':
      if (migration.onFailure === 'rollback') return rollBack(migration, status, { at: now, by: 'gate', why: verdict.why });
      return {
        status: { ...status, state: { ...state, kind: 'paused', at: now, by: 'gate', why: verdict.why } },
        entries: [{ at: now, by: 'gate', what: `paused at ${describeStep(migration, state.step)}`, why: verdict.why }],
      };
    default:
      return verdict satisfies never;
  }
}

/** At `retired`, once all consumers are there and while the proof holds: the providers are told to deregister. */
function withdrawing(migration: Migration, status: PlanStatus, evidence: StepEvidence, now: number): Advance | undefined {
  const step = stepOf(migration, status.state);
  if (step?.rung !== 'retired' || status.withdrawal !== undefined) return undefined;
  if (agentsWaitedFor(step, evidence).length > 0 || proofWaitsFor(evidence).length > 0) return undefined;
  const withdrawal = withdrawalOf(evidence.target, evidence.registrations);
  if (withdrawal === undefined) return undefined;
  const names = withdrawal.registrations.map(({ sdkName, instances }) => `${sdkName} (${instances})`).join(', ');
  const what = names === '' ? 'no SDK has registered the target' : `told its providers to deregister ${names}`;
  return {
    status: { ...status, withdrawal },
    entries: [{ at: now, by: 'gate', what, why: 'every agent is at retired, and nobody needs the registration' }],
  };
}

/** What the end of a plan waits for, whoever wants it: a registration that is to go and is there has somebody who needs it. */
export function obstaclesToEnd(migration: Migration, status: PlanStatus, evidence: StepEvidence): readonly string[] {
  const step = stepOf(migration, status.state);
  return step?.rung === 'retired' ? withdrawalWaitsFor(step, status, evidence) : [];
}

function withdrawalWaitsFor(step: Step, { withdrawal }: PlanStatus, evidence: StepEvidence): readonly string[] {
  if (withdrawal !== undefined) return stillListed(withdrawal, evidence.registrations);
  const open = proofWaitsFor(evidence);
  return open.length > 0 ? open : [`its providers are told to deregister once every agent is at ${step.rung}`];
}

/** By `withdrawal`; a plan that was retired before bridges told providers waits until somebody has registered the target. */
function returnWaitsFor({ withdrawal }: PlanStatus, { registrations, elsewhere }: StepEvidence): readonly string[] {
  if (withdrawal !== undefined) return notYetBack(withdrawal, registrations, elsewhere);
  return registrations.some(({ listed = 0 }) => listed > 0) ? [] : ['the target is not registered'];
}

/** The proof is what is waited for: its time may be over by itself. */
function isOpen(next: Step | undefined, step: Step, { withdrawal }: PlanStatus): boolean {
  return next?.rung === 'retired' || (step.rung === 'retired' && withdrawal === undefined);
}

/** What stands in the way of a step, whoever wants to climb there. */
export function obstaclesTo({ acceptLossy }: Migration, next: Step, { proof, lossy }: StepEvidence): readonly string[] {
  if (next.rung === 'retired' && !isProven(proof)) return proofWaitsFor({ proof });
  if (rankOf(next.rung) < rankOf('resilience') || acceptLossy === true) return [];
  const open = lossy.filter((name) => !acceptLossy.includes(name));
  return open.length === 0 ? [] : [`policies would be lost: ${open.slice(0, 10).join(', ')} (acceptLossy accepts them)`];
}

function proofWaitsFor({ proof }: Pick<StepEvidence, 'proof'>): readonly string[] {
  if (isProven(proof)) return [];
  const open = proof.items.filter(({ outcome }) => outcome !== 'proven').map(({ why }) => why);
  return open.length > 0 ? open.map((why) => `retired is not proven: ${why}`) : ['retired is not proven: nothing is known'];
}

/** Into a step, whoever wants it: where something stands in its way, the one before it is held, and without one `sdk`. */
function entered(migration: Migration, at: number, evidence: StepEvidence, cause: Cause): Advance {
  const step = migration.steps[at];
  const why = step === undefined ? '' : obstaclesTo(migration, step, evidence).join('; ');
  if (why === '') {
    const state: PlanState = { kind: 'running', step: at, since: cause.at };
    return { status: { state }, entries: [{ ...cause, what: `began ${describeStep(migration, at)}` }] };
  }
  const state: PlanState =
    at === 0
      ? { kind: 'rolledBack', since: cause.at, from: 0, why }
      : { kind: 'paused', step: at - 1, since: cause.at, at: cause.at, by: 'gate', why };
  return { status: { state }, entries: [{ ...cause, what: `did not begin ${describeStep(migration, at)}`, why }] };
}

/** A plan that is new. */
export function begin(migration: Migration, evidence: StepEvidence, cause: Cause): Advance {
  return entered(migration, 0, evidence, cause);
}

export type Cause = Pick<AuditEntry, 'at' | 'by' | 'why'>;

/** The next step, or the end; its own obstacles are the caller's to look at. */
export function climbed(migration: Migration, status: PlanStatus, evidence: StepEvidence, cause: Cause): Advance {
  const { state } = status;
  const step = stepOf(migration, state);
  if (!('step' in state) || step === undefined) return { status, entries: [] };
  const next = state.step + 1;
  const reference = referenceOf(step, evidence, status.reference);
  const known = {
    ...(reference === undefined ? {} : { reference }),
    ...(status.withdrawal === undefined ? {} : { withdrawal: status.withdrawal }),
  };
  if (next >= migration.steps.length)
    return {
      status: { ...known, state: { kind: 'done', step: state.step, since: cause.at } },
      entries: [{ ...cause, what: 'done' }],
    };
  return {
    status: { ...known, state: { kind: 'running', step: next, since: cause.at } },
    entries: [{ ...cause, what: `began ${describeStep(migration, next)}` }],
  };
}

/** To `sdk` at once, from anywhere but `retired`: from there by way of a registration. @param gone the plan goes then */
export function rollBack(migration: Migration, status: PlanStatus, cause: Cause, gone = false): Advance {
  const { state } = status;
  if (state.kind === 'returning') return { status: { ...status, state: { ...state, gone: state.gone || gone } }, entries: [] };
  if (state.kind === 'rolledBack') return { status, entries: [] };
  if (isRetired(migration, state)) {
    const returning: PlanState = { kind: 'returning', since: cause.at, why: cause.why, gone };
    const what = 'left retired: its providers are told to register, and are waited for';
    return { status: { ...status, state: returning }, entries: [{ ...cause, what }] };
  }
  const rolledBack: PlanState = { kind: 'rolledBack', since: cause.at, from: state.step, why: cause.why };
  const what = `rolled back to sdk from ${describeStep(migration, state.step)}`;
  return { status: { ...status, state: rolledBack }, entries: [{ ...cause, what }] };
}

/**
 * The same plan with another spec. Steps that are as they were keep their passed gates; from the first that differs on
 * everything is run again, and all of it for another target or further consumers.
 */
export function respecified(
  before: Migration,
  after: Migration,
  status: PlanStatus,
  evidence: StepEvidence,
  cause: Cause,
): Advance {
  const { state } = status;
  if (state.kind === 'rolledBack') return begin(after, evidence, cause);
  if (state.kind === 'returning') return { status, entries: [] };
  const isOther =
    JSON.stringify(before.target) !== JSON.stringify(after.target) ||
    after.consumers.some((name) => !before.consumers.includes(name) && !before.consumers.includes('*'));
  const differs = before.steps.findIndex((step, at) => JSON.stringify(step) !== JSON.stringify(after.steps[at]));
  const kept = isOther ? 0 : differs < 0 ? before.steps.length : differs;
  if (kept > state.step) {
    // What was the end is a step like any other when more follow.
    const goesOn = state.kind === 'done' && after.steps.length > before.steps.length;
    return {
      status: goesOn ? { ...status, state: { kind: 'running', step: state.step, since: state.since } } : status,
      entries: [{ ...cause, what: 'changed; goes on where it was' }],
    };
  }
  // What it stood on is no longer `retired`, or is another one's: back by way of a registration, to be begun again.
  if (status.withdrawal !== undefined) return rollBack(before, status, cause);
  const at = Math.min(kept, after.steps.length - 1);
  const begun = entered(after, at, evidence, cause);
  const next = begun.status.state;
  // Who paused it goes on wanting that; its gate is another now.
  const isHeld = state.kind === 'paused' && state.by === 'hand' && next.kind === 'running';
  return {
    status: { ...status, state: isHeld ? { ...state, step: at, since: cause.at, at: cause.at } : next },
    entries: begun.entries.map((entry) => ({ ...entry, what: `changed; ${entry.what}${isHeld ? ', and is paused' : ''}` })),
  };
}

function agentsWaitedFor(step: Step, { agents }: StepEvidence): readonly string[] {
  const connected = agents.filter((agent) => agent.connected);
  if (connected.length === 0) return ['no agent of its consumers is connected'];
  const silent = connected.filter(({ acknowledged }) => !acknowledged);
  const low = connected.filter(({ effective }) => effective !== undefined && rankOf(effective.rung) < rankOf(step.rung));
  return [
    ...(silent.length === 0 ? [] : [`not yet acknowledged by ${names(silent)}`]),
    ...(low.length === 0 ? [] : [`below ${step.rung}: ${names(low)}${low[0]?.why === undefined ? '' : ` (${low[0].why})`}`]),
  ];
}

function describeGate({ gate, condition, measured, why }: GateResult): string {
  return `${gate} ${condition}: ${why ?? `it is ${measured === Number.MAX_VALUE ? 'above all bounds' : measured}`}`;
}

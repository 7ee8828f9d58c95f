import type {
  ExplainedPlan,
  ExplainedProcess,
  ExplainedWithdrawal,
  PlanAuditView,
  PlanChangeView,
  PlanDetail,
  PlanGateView,
  PlanProofView,
  PlanView,
} from '@isthmus/contract';
import { RUNGS } from '@isthmus/ladder';
import { fields, flag, integer, oneOf, optional, ref, refs, text, texts } from './api-schema.ts';
import type { Schema } from './api-schema.ts';

const rung = oneOf(RUNGS, 'What its agents are told');
const share: Schema = { type: 'number', description: 'Share of calls on that rung, 0–100; the others are on the rung below' };
const position = (description: string): Schema => ({
  type: 'object',
  required: ['rung', 'percent'],
  properties: { rung: { type: 'string', enum: RUNGS }, percent: { type: 'number' } },
  description,
});

const agents: Schema = {
  type: 'object',
  required: ['connected', 'acknowledged', 'notConnected'],
  properties: {
    connected: integer('Agents of its consumers that are connected'),
    acknowledged: integer('Of these, with the newest plan in force'),
    notConnected: texts('SERVICE/INSTANCE of those that were connected within the last hour: they still have an older plan'),
  },
  description: 'Who is told',
};

const plan = {
  name: text('Name of the plan'),
  target: text('As the plan has it: a mesh host or a service key'),
  host: optional(text('What it means now; absent while it is in no registry')),
  port: optional(integer('Service port')),
  consumers: texts('Services that call; * is all'),
  origin: oneOf(['file', 'api'], 'file: its file owns the spec'),
  state: oneOf(
    ['running', 'paused', 'done', 'returning', 'rolled-back', 'waiting'],
    'waiting: its target is unknown, another plan has it, or this version does not understand it',
  ),
  step: optional(integer('From 1; absent where it is on none')),
  steps: integer('How many there are'),
  rung,
  percent: share,
  since: integer('Since when it is in this state, ms since the epoch'),
  why: optional(text('Why it is paused, rolled back or waits')),
  agents,
};

/** Of migration plans. */
export const PLAN_SCHEMAS: Readonly<Record<string, Schema>> = {
  PlanView: fields<PlanView>('A migration plan and where it is.', plan),
  PlanDetail: fields<PlanDetail>('The same with what its step waits for.', {
    ...plan,
    document: { type: 'object', additionalProperties: true, description: 'As it was applied' },
    waitsFor: texts('What the step waits for; empty where it does not run'),
    dueAt: optional(integer('When time alone may change that, ms since the epoch')),
    gates: refs('PlanGateView', 'Each condition of the step’s gate'),
    proof: refs('PlanProofView', 'What retired needs; empty where the plan does not have it'),
  }),
  ExplainedPlan: fields<ExplainedPlan>('A plan of a host, and what its consumers do.', {
    ...plan,
    waitsFor: texts('What the step waits for; empty where it does not run'),
    last: optional(ref('PlanAuditView')),
    processes: refs(
      'ExplainedProcess',
      'Of its consumers, those first that are not where it wants them, at most 1,000; a replica that does not lead knows its own only',
    ),
    withdrawn: refs('ExplainedWithdrawal', 'Registrations that providers were told to take out'),
  }),
  ExplainedProcess: fields<ExplainedProcess>('A process of a consumer.', {
    service: text('As its agent has it'),
    instance: text('Of the process'),
    connected: flag('Its agent is'),
    acknowledged: flag('The plan in force there is the newest that its service has'),
    acknowledgedAt: optional(integer('When it last said so of what was the newest then, ms since the epoch')),
    effective: optional(position('Where it is, as it said last; absent: it has not reported of the target')),
    why: optional(text('Why it is not where the plan wants it, or may not be; absent: it is there')),
  }),
  ExplainedWithdrawal: fields<ExplainedWithdrawal>('A registration that went for retired.', {
    registry: text('Id of the registry'),
    sdkName: text('KIND/NAMESPACE/GROUP/NAME'),
    state: oneOf(['out', 'returning'], 'out: its processes keep it out; returning: they register again'),
    before: integer('Instances that the registry listed before'),
    listed: optional(integer('That it lists now; absent: it cannot be read')),
  }),
  PlanGateView: fields<PlanGateView>('A condition of a gate.', {
    gate: text('similarity, errorRateDelta, p99Ratio, attemptsPerRequest or samples'),
    condition: text('As the plan has it'),
    measured: optional({ type: 'number', description: 'Since the step began; absent where it cannot be said yet' }),
    outcome: oneOf(['holds', 'violated', 'unknown'], 'unknown never passes'),
    why: optional(text('Why it is unknown')),
  }),
  PlanProofView: fields<PlanProofView>('One thing that retired needs.', {
    about: text('subscribers, providers, consumers or endpoints'),
    outcome: oneOf(['proven', 'refuted', 'unknown'], 'unknown refuses as refuted does'),
    why: text('What is known of it'),
  }),
  PlanAuditView: fields<PlanAuditView>('Something that happened to a plan.', {
    at: integer('ms since the epoch'),
    by: oneOf(['gate', 'time', 'hand', 'file'], 'gate and time: the plan by itself'),
    what: text('What happened'),
    why: text('Why'),
  }),
  PlanChangeView: fields<PlanChangeView>('What a write did to a plan, or with dryRun would do.', {
    name: text('Name of the plan'),
    action: oneOf(['created', 'changed', 'unchanged', 'deleted'], 'What becomes of it'),
    dryRun: flag('Nothing was written'),
    what: texts('What happens, in order'),
    before: position('What its agents were told'),
    after: position('What they are told from now on'),
    notConnected: texts('Agents that do not hear of it now: they have their last plan until they connect again'),
  }),
};

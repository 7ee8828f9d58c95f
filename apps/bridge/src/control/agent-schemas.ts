import type {
  AgentDiagnosticReport,
  AgentTargetView,
  AgentView,
  BreakerReport,
  LiftFieldView,
  LiftView,
  PolicyView,
} from '@isthmus/contract';
import { POLICIES, RUNGS } from '@isthmus/ladder';
import { fields, flag, integer, oneOf, optional, refs, text, texts } from './api-schema.ts';
import type { Schema } from './api-schema.ts';

export const AGENT_SCHEMAS: Readonly<Record<string, Schema>> = {
  AgentView: fields<AgentView>('An agent, connected or seen within the last hour. Times are ms since the epoch.', {
    service: text('Whose agent it is'),
    instance: text('Of the process'),
    agent: text('Its version'),
    node: text('Version of Node there'),
    address: text('Where it comes from'),
    connectedSince: optional(integer('Absent where it is not connected')),
    lastReportAt: optional(integer('Absent before the first')),
    planVersion: text('The plan in force there'),
    acknowledged: flag('It is the newest of its service'),
    targets: refs('AgentTargetView', 'Where its targets are'),
    diagnostics: refs('AgentDiagnostic', 'What it said last, the newest last'),
  }),
  AgentTargetView: fields<AgentTargetView>('One target at one agent', {
    host: text('Mesh host'),
    port: integer('Service port'),
    desired: optional(oneOf(RUNGS, 'What the plan wants; absent where no plan names it any more')),
    rung: oneOf(RUNGS, 'Where it effectively is'),
    percent: integer('Share of the calls on that rung'),
    why: optional(text('Why it is lower than what the plan wants')),
    breakers: refs('AgentBreaker', 'Circuit breakers in the process'),
  }),
  AgentBreaker: fields<BreakerReport>('A circuit breaker in a process', {
    name: text('As the application calls it'),
    library: text('opossum, cockatiel, agent'),
    state: oneOf(['closed', 'open', 'half-open', 'observing'], 'observing: the sidecar breaks'),
    rejected: integer('Calls that it turned away since the report before'),
  }),
  AgentDiagnostic: fields<AgentDiagnosticReport>('Something that an agent said of itself', {
    code: text('Which kind'),
    where: text('What it is about'),
    message: text('What it is'),
    remedy: text('What to do'),
  }),
  PolicyView: fields<PolicyView>('A policy of a client library, as processes have it or a registry keeps it', {
    host: optional(text('What it is for; absent where it is for every target')),
    library: text('opossum, cockatiel, undici, axios-retry, sentinel-flow, sentinel-degrade'),
    version: text('Of the library; empty where it is not known'),
    name: text('As the application calls it'),
    policy: oneOf([...POLICIES, 'balancing'], 'What it does'),
    options: { type: 'object', additionalProperties: true, description: 'The library’s own; functions are only named' },
    instances: texts('Processes that have it just so, at most 20'),
    source: optional(text('Where a registry keeps it; absent where processes reported it')),
    readAt: optional(integer('When the registry told it, ms since the epoch; absent where processes reported it')),
    lost: texts('What the mesh would lose of it, by the names that a plan accepts'),
  }),
  LiftView: fields<LiftView>('What the policies for one host become', {
    host: text('Mesh host'),
    rules: { type: 'array', items: { type: 'object' }, description: 'DestinationRule and VirtualService' },
    fields: refs('LiftField', 'What became of each option'),
  }),
  LiftField: fields<LiftFieldView>('What became of one option', {
    policy: text('Library and name'),
    source: optional(text('Where a registry keeps it; absent where processes reported it')),
    field: text('The option'),
    fidelity: oneOf(['exact', 'approximate', 'lossy', 'blocked'], 'lossy: left out. blocked: it is code, or cannot be'),
    to: optional(text('Where it is in the rules')),
    how: text('What is different'),
  }),
  ReportAnswer: {
    type: 'object',
    description: 'Targets whose SDK view is wanted in full; they are asked for by the stream too',
    required: ['ask'],
    properties: {
      ask: { type: 'array', items: { type: 'object', properties: { host: { type: 'string' }, port: { type: 'integer' } } } },
    },
  },
};

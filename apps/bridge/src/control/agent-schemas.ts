import type { AgentDiagnosticReport, AgentTargetView, AgentView, BreakerReport } from '@isthmus/contract';
import { RUNGS } from '@isthmus/ladder';
import { fields, flag, integer, oneOf, optional, refs, text } from './api-schema.ts';
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
  ReportAnswer: {
    type: 'object',
    description: 'Targets whose SDK view is wanted in full; they are asked for by the stream too',
    required: ['ask'],
    properties: {
      ask: { type: 'array', items: { type: 'object', properties: { host: { type: 'string' }, port: { type: 'integer' } } } },
    },
  },
};

import type { ShadowDivergenceView, ShadowView } from '@isthmus/contract';
import { fields, flag, integer, number, oneOf, optional, refs, text, texts } from './api-schema.ts';
import type { Schema } from './api-schema.ts';

export const SHADOW_SCHEMAS: Readonly<Record<string, Schema>> = {
  ShadowView: fields<ShadowView>("What the SDKs of a target's callers see of it, against what the mesh sees.", {
    host: text('Mesh host'),
    port: integer('Service port'),
    processes: integer('Processes that were compared'),
    similarity: number('Matched ÷ union of what differs for longer than the window, 0 to 1'),
    windowMs: integer('A difference counts once it is as old as this, ms'),
    divergences: refs('ShadowDivergenceView', 'Sorted by place; those that do not count yet too'),
  }),
  ShadowDivergenceView: fields<ShadowDivergenceView>('One place that an SDK and the mesh see differently.', {
    at: text('address:port'),
    kind: oneOf(['only-sdk', 'only-mesh', 'health', 'weight', 'zone', 'protocol'], 'In what'),
    sdk: optional(text('What the SDK has')),
    mesh: optional(text('What the mesh has')),
    code: text('Why: see docs/agent-shadow.md'),
    explanation: text('Why, in a sentence'),
    forMs: integer('For how long, ms'),
    counts: flag('It is older than the window'),
    processes: integer('Processes that see it so'),
    seenBy: texts('service/instance of at most 20 of them'),
  }),
};

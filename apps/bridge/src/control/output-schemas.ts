import type { OutputView } from '@isthmus/contract';
import type { OutputPlan, PlannedWrite } from '@isthmus/model';
import { fields, integer, optional, refs, text } from './api-schema.ts';
import type { Schema } from './api-schema.ts';

/** Of the outputs that keep objects. */
export const OUTPUT_SCHEMAS: Readonly<Record<string, Schema>> = {
  OutputView: fields<OutputView>('An output that keeps objects: files or Kubernetes.', {
    output: text('As the config has it'),
    pending: integer('Hosts that wait to be written; 0 when everything is as it should be'),
    problems: integer('Things that could not be written; they are in the diagnostics'),
  }),
  OutputPlan: fields<OutputPlan>('What an output would write, compared with what is there.', {
    output: text('As the config has it'),
    creates: refs('PlannedWrite', 'What is not there; sorted by name'),
    updates: refs('PlannedWrite', 'What is there and differs; sorted by name'),
    deletes: refs('PlannedWrite', 'What Isthmus has written and nobody wants any more; sorted by name'),
    unchanged: integer('What is there as it would be written'),
    diagnostics: refs('Diagnostic', 'What would not be written, and why'),
  }),
  PlannedWrite: fields<PlannedWrite>('One file or object.', {
    name: text('What the output calls it'),
    before: optional(text('What is there')),
    after: optional(text('What would be written')),
  }),
};

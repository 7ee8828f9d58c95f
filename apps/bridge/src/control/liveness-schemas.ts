import type { CorrectionView, DiffView, DifferenceView } from '@isthmus/contract';
import { fields, flag, integer, oneOf, optional, refs, text } from './api-schema.ts';
import type { Schema } from './api-schema.ts';

export const LIVENESS_SCHEMAS: Readonly<Record<string, Schema>> = {
  CorrectionView: fields<CorrectionView>('A dead endpoint that is, or is to be, out of service at its registry.', {
    service: text('Service id'),
    address: text('IP'),
    port: integer("The instance's own port"),
    action: oneOf(['disable', 'enable'], 'What is, or was last, to be written'),
    state: oneOf(
      ['pending', 'dry-run', 'failed', 'disabled'],
      'pending: will be written; dry-run: would be; failed: the registry cannot be told; disabled: it was told',
    ),
    reason: text('Why'),
    since: integer('Since when, ms since the epoch'),
    cause: optional(text('Why it failed')),
  }),
  DiffView: fields<DiffView>('A service that is in a registry and in Kubernetes.', {
    host: text('Mesh host'),
    registry: text('Service id in the registry'),
    kubernetes: text('Service id in Kubernetes'),
    missing: flag('Kubernetes has no such service'),
    policy: oneOf(['registry', 'kubernetes', 'both'], 'Whose instances callers get'),
    differences: refs('DifferenceView', 'Empty when they agree; sorted by place'),
  }),
  DifferenceView: fields<DifferenceView>('One way in which they disagree.', {
    kind: oneOf(['only-registry', 'only-kubernetes', 'port', 'health', 'labels'], 'In what'),
    at: text('address:port, or an address'),
    registry: optional(text('What the registry says')),
    kubernetes: optional(text('What Kubernetes says')),
  }),
};

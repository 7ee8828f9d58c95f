import type { OutputPlan } from '@isthmus/model';
import type { ItemList } from './envelopes.ts';

/** `GET /api/v1/outputs`: an output that keeps objects, files or Kubernetes. */
export interface OutputView {
  /** As the config has it: `files /srv/out`, `kubernetes k8s/isthmus`. */
  readonly output: string;
  /** Hosts that wait to be written; 0 when everything is as it should be. */
  readonly pending: number;
  /** Things that could not be written; they are in the diagnostics. */
  readonly problems: number;
}

/** `GET /api/v1/outputs/plan` */
export type OutputPlanList = ItemList<OutputPlan>;

import type { AgentPlan } from '@isthmus/contract';

/** What an agent tells the one that takes its place in a running process, maybe of another version: plain data, additions only. */
export interface Handover {
  readonly schema: 1;
  readonly plan?: AgentPlan;
  /** Targets, `host:port`, whose calls the sidecar took until now. */
  readonly ready: readonly string[];
}

import type { Rung } from '@isthmus/ladder';

/** A migration plan and where it is. Times are ms since the epoch. */
export interface PlanView {
  readonly name: string;
  /** As the plan has it: a mesh host or a service key, with a port where it names one. */
  readonly target: string;
  /** What it means now; absent while it is in no registry. */
  readonly host?: string;
  readonly port?: number;
  readonly consumers: readonly string[];
  /** `file`: its file owns the spec. */
  readonly origin: 'file' | 'api';
  /** `waiting`: its target is unknown, another plan has it, or this version does not understand it. */
  readonly state: 'running' | 'paused' | 'done' | 'returning' | 'rolled-back' | 'waiting';
  /** From 1; absent where it is on none. */
  readonly step?: number;
  readonly steps: number;
  /** What its agents are told. */
  readonly rung: Rung;
  readonly percent: number;
  readonly since: number;
  /** Why it is paused, rolled back or waits. */
  readonly why?: string;
  readonly agents: PlanAgents;
}

export interface PlanAgents {
  readonly connected: number;
  /** Of these, with the newest plan in force. */
  readonly acknowledged: number;
  /** `SERVICE/INSTANCE` of those that were connected within the last hour and are not now: they still have an older plan. */
  readonly notConnected: readonly string[];
}

export interface PlanDetail extends PlanView {
  /** The document as it was applied. */
  readonly document: unknown;
  /** What the step waits for; empty where it does not run. */
  readonly waitsFor: readonly string[];
  /** When time alone may change that. */
  readonly dueAt?: number;
  readonly gates: readonly PlanGateView[];
  /** What `retired` needs; empty where the plan does not have it. */
  readonly proof: readonly PlanProofView[];
}

export interface PlanGateView {
  readonly gate: string;
  readonly condition: string;
  readonly measured?: number;
  readonly outcome: 'holds' | 'violated' | 'unknown';
  readonly why?: string;
}

export interface PlanProofView {
  readonly about: string;
  readonly outcome: 'proven' | 'refuted' | 'unknown';
  readonly why: string;
}

export interface PlanAuditView {
  readonly at: number;
  readonly by: 'gate' | 'time' | 'hand' | 'file';
  readonly what: string;
  readonly why: string;
}

/** What a write did to a plan, or with `dryRun` would do. */
export interface PlanChangeView {
  readonly name: string;
  readonly action: 'created' | 'changed' | 'unchanged' | 'deleted';
  readonly dryRun: boolean;
  /** What happens, in order. */
  readonly what: readonly string[];
  /** What its agents are told from now on, and before; `sdk` where there is no plan. */
  readonly before: { readonly rung: Rung; readonly percent: number };
  readonly after: { readonly rung: Rung; readonly percent: number };
  /** Agents that do not hear of it now: they have their last plan until they connect again. */
  readonly notConnected: readonly string[];
}

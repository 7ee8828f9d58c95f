import type { Rung } from '@isthmus/ladder';

/** A target as plans, agents and sidecars name it: a mesh host (lower case) and its service port. */
export interface TargetId {
  readonly host: string;
  readonly port: number;
}

/** Names of services that call, as their agents are called (`ISTHMUS_SERVICE`); `*` is all of them, those to come too. */
export type Consumers = readonly string[];

/** What plans know of the agents. Everything is as of now and in memory: an answer costs no input or output. */
export interface FleetView {
  /** Of the calls of these consumers to this target. */
  evidenceOf(target: TargetId, consumers: Consumers): TargetEvidence;
  /** The agents of these consumers: the connected, and those not connected that were within the last hour. Sorted by service, instance. */
  agentsOf(target: TargetId, consumers: Consumers): readonly AgentPresence[];
  /** The processes of a service as it is called: who counts what comes in there. Sorted by instance. */
  providersOf(service: string): readonly ProviderWindow[];
  /** Called after evidence or presence has changed, at most once a report. Returns what ends it. */
  onChange(listener: (change: FleetChange) => void): () => void;
}

export interface FleetChange {
  /** Whose agent reported, came or went. */
  readonly service: string;
  /** What it reported about; all of its targets where it came or went. */
  readonly targets: readonly TargetId[] | 'all';
}

/** Totals since this process began to count. They only grow, so that a step's part of them is a difference. */
export interface TargetEvidence {
  readonly arms: { readonly sdk: ArmTotals; readonly mesh: ArmTotals };
  readonly views: ViewTotals;
}

export interface ArmTotals {
  readonly calls: number;
  /** Answered by a 5xx, or not at all. */
  readonly failures: number;
  /** Requests that left for them, retries included. */
  readonly attempts: number;
  /** Counts by the ladder's `LATENCY_BOUNDS`, and in the last place of what is above them. */
  readonly latency: readonly number[];
}

/** Comparisons of what an SDK sees with what the mesh sees. What the two differed in for less than the window is not in it. */
export interface ViewTotals {
  readonly comparisons: number;
  /** Of each comparison, endpoints that both have. */
  readonly matched: number;
  /** Of each comparison, endpoints that either has. Similarity is matched ÷ union. */
  readonly union: number;
}

export interface AgentPresence {
  readonly service: string;
  readonly instance: string;
  readonly connected: boolean;
  /** It has said that the plan in force there is the newest that its service has. */
  readonly acknowledged: boolean;
  /** When it last said so of what was the newest then, ms since the epoch. */
  readonly acknowledgedAt?: number;
  /** Of this target, as last reported. */
  readonly effective?: { readonly rung: Rung; readonly percent: number };
  /** Why `effective` is lower than what the plan wants. */
  readonly why?: string;
  /**
   * Its calls that named an instance, which only a registration tells of: counted without a gap since, and when the last came, ms since
   * the epoch. Absent: its agent does not count them, or has not reported of the target.
   */
  readonly byInstance?: { readonly since: number; readonly lastAt?: number };
  /** IP addresses: where its connection comes from, and those that it says its machine has. */
  readonly addresses?: readonly string[];
}

export interface ProviderWindow {
  readonly instance: string;
  readonly connected: boolean;
  /** Since when all that came in was counted, without a gap; ms since the epoch. */
  readonly since: number;
  readonly inbound: number;
  /** Of these, without a proxy's mark. */
  readonly unmarked: number;
  /** When the last of those came, ms since the epoch. */
  readonly lastUnmarkedAt?: number;
  /** Who they came from, the busiest first, at most 20. */
  readonly peers: readonly string[];
  /** What it registered by its SDK; absent: its agent is too old to say. */
  readonly registrations?: readonly ProviderRegistration[];
}

/** One instance of a process in one registry. */
export interface ProviderRegistration {
  readonly sdkName: string;
  /** `withdrawn`: by its agent, because a plan is `retired`. */
  readonly state: 'registered' | 'withdrawn';
  /** Why the agent could not do what it was told. */
  readonly why?: string;
}

export const NO_CALLS: ArmTotals = { calls: 0, failures: 0, attempts: 0, latency: [] };
export const NO_VIEWS: ViewTotals = { comparisons: 0, matched: 0, union: 0 };

/** A fleet without agents. */
export const NO_FLEET: FleetView = {
  evidenceOf: () => ({ arms: { sdk: NO_CALLS, mesh: NO_CALLS }, views: NO_VIEWS }),
  agentsOf: () => [],
  providersOf: () => [],
  onChange: () => () => undefined,
};

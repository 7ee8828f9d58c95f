import type { Policy, Rung } from '@isthmus/ladder';
import type { ViewEndpoint } from './agent-stream.ts';

/** `POST {API_PREFIX}/agents/reports`, with the token of the service: an agent can speak only for it. Since the last report. */
export interface AgentReport {
  readonly schema: 1;
  readonly service: string;
  /** Of the process: other after a restart. */
  readonly instance: string;
  readonly agent: string;
  readonly node: string;
  /** Counts the reports of the process, from 1: a gap shows that some were lost. */
  readonly seq?: number;
  /** IP addresses of its machine, at most 16: registries list a subscriber by what its client says, which may be none that it connects from. */
  readonly addresses?: readonly string[];
  /** The plan in force there: how an agent acknowledges. */
  readonly planVersion: string;
  readonly targets: readonly TargetReport[];
  readonly diagnostics: readonly AgentDiagnosticReport[];
  readonly provider?: ProviderReport;
  /** Options of the breakers, retries, timeouts and balancers in the process; when they change. */
  readonly policies?: readonly LiftedPolicy[];
}

export interface TargetReport {
  readonly host: string;
  readonly port: number;
  readonly effective: { readonly rung: Rung; readonly percent: number };
  /** Why `effective` is lower than what the plan wants; absent where it is not. */
  readonly why?: string;
  readonly view?: SdkViewReport;
  /** Calls that named an instance's address, by whichever way they went; absent where the agent is too old to count them. */
  readonly byInstance?: number;
  readonly arms: { readonly sdk: ArmReport; readonly mesh: ArmReport };
  readonly breakers: readonly BreakerReport[];
}

/** What the SDK of this process sees of a target. */
export interface SdkViewReport {
  readonly hash: string;
  readonly count: number;
  /** When it became this, ms since the epoch. */
  readonly since: number;
  /** Only after `ask`. */
  readonly endpoints?: readonly ViewEndpoint[];
  /** Bugs of the client library that were seen, by code. */
  readonly bugs?: readonly string[];
}

/** Calls of one way since the last report. */
export interface ArmReport {
  readonly calls: number;
  /** Answered by a 5xx, or not at all. */
  readonly failures: number;
  /** Requests that left the process for them, retries included. */
  readonly attempts: number;
  /** Counts of durations, ms: up to the ladder's `LATENCY_BOUNDS[i]`, and in the last place of what is above all bounds. */
  readonly latency: readonly number[];
}

export interface BreakerReport {
  readonly name: string;
  /** `opossum`, `cockatiel`, `agent`. */
  readonly library: string;
  readonly state: 'closed' | 'open' | 'half-open' | 'observing';
  /** Calls that it turned away since the last report. */
  readonly rejected: number;
}

export interface AgentDiagnosticReport {
  readonly code: string;
  readonly where: string;
  readonly message: string;
  readonly remedy: string;
}

/** Of the calls that come in. */
export interface ProviderReport {
  readonly inbound: number;
  /** Of these, without a proxy's mark: who still comes past the mesh. */
  readonly unmarked: number;
  /** Peers of unmarked calls, the busiest first, at most 20. */
  readonly peers: readonly { readonly address: string; readonly calls: number }[];
  readonly registration: 'none' | 'registered' | 'leaving' | 'left';
  /** What this process registered by its SDK; absent where the agent is too old to say. */
  readonly registrations?: readonly RegistrationReport[];
}

/** One instance of the process in one registry. */
export interface RegistrationReport {
  /** `KIND/NAMESPACE/GROUP/NAME`; the namespace is empty where the process does not know it. */
  readonly sdkName: string;
  /** `withdrawn`: by the agent, because the control plane said so (`registrations` of the stream). */
  readonly state: 'registered' | 'withdrawn';
  /** Why the agent could not do what it was told, and tries again. */
  readonly why?: string;
}

/** One policy as the client library has it; `lift` reads this and files alike. */
export interface LiftedPolicy {
  readonly host?: string;
  readonly library: string;
  readonly version: string;
  readonly name: string;
  readonly policy: Policy | 'balancing';
  readonly options: Readonly<Record<string, unknown>>;
}

import type { MeshObject } from '@isthmus/model';
import type { Rung } from '@isthmus/ladder';
import type { AgentDiagnosticReport, BreakerReport, LiftedPolicy } from './agent-report.ts';

/** One agent, as `isthmus get agents` shows it: connected, or within the last hour. Times are ms since the epoch. */
export interface AgentView {
  readonly service: string;
  /** Of the process. */
  readonly instance: string;
  /** Version of the agent, and of Node there. */
  readonly agent: string;
  readonly node: string;
  readonly address: string;
  /** Absent where it is not connected. */
  readonly connectedSince?: number;
  readonly lastReportAt?: number;
  /** The plan in force there, and whether it is the newest of its service. */
  readonly planVersion: string;
  readonly acknowledged: boolean;
  readonly targets: readonly AgentTargetView[];
  /** The newest last. */
  readonly diagnostics: readonly AgentDiagnosticReport[];
}

export interface AgentTargetView {
  readonly host: string;
  readonly port: number;
  /** What the plan wants; absent where no plan names it any more. */
  readonly desired?: Rung;
  readonly rung: Rung;
  readonly percent: number;
  /** Why it is lower. */
  readonly why?: string;
  readonly breakers: readonly BreakerReport[];
}

/** A policy as processes have it, or as a registry keeps it for them. */
export interface ReportedPolicy extends LiftedPolicy {
  /** Processes that have it just so, at most 20. */
  readonly instances: readonly string[];
  /** Where a registry keeps it: `shop/public/SENTINEL_GROUP/web-flow-rules`. Absent where processes reported it. */
  readonly source?: string;
  /** When the registry told it, ms since the epoch: it pushes changes, so this is how old it is. Absent where processes reported it. */
  readonly readAt?: number;
}

/** `GET /agents/policies`. */
export interface PolicyView extends ReportedPolicy {
  /** What the mesh would lose of it, by the names that a plan accepts: `limitApp of sentinel-flow stock`. */
  readonly lost: readonly string[];
}

/** `GET /agents/lift`: what the policies for one host become. */
export interface LiftView {
  readonly host: string;
  /** DestinationRule and VirtualService. */
  readonly rules: readonly MeshObject[];
  readonly fields: readonly LiftFieldView[];
}

export interface LiftFieldView {
  /** `opossum orders` */
  readonly policy: string;
  /** Where a registry keeps it; absent where processes reported it. */
  readonly source?: string;
  readonly field: string;
  readonly fidelity: 'exact' | 'approximate' | 'lossy' | 'blocked';
  /** Where it is in the rules. */
  readonly to?: string;
  readonly how: string;
}

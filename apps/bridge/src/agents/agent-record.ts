import type { AgentDiagnosticReport, AgentReport, LiftedPolicy, TargetReport } from '@isthmus/contract';
import type { AgentPresence } from '@isthmus/plans';
import { ProviderRecord } from './provider-record.ts';

type ByInstance = NonNullable<AgentPresence['byInstance']>;

export interface ReportedState extends Pick<TargetReport, 'effective' | 'why' | 'breakers'> {
  readonly byInstance?: ByInstance;
}

/** Where an agent is connected: at this replica by streams, or at another one that passes its reports on. */
export interface AgentOrigin {
  readonly service: string;
  readonly instance: string;
  readonly agent: string;
  readonly node: string;
  readonly address: string;
}

const MOST_DIAGNOSTICS = 20;
const MOST_POLICIES = 1_000;

/** One agent, connected or gone. Times are ms since the epoch. */
export class AgentRecord {
  readonly service: string;
  readonly instance: string;
  agent: string;
  node: string;
  address: string;
  addresses: readonly string[] = [];
  streams = 0;
  connectedSince: number | undefined;
  /** Its last sign of life. */
  seenAt: number;
  reportedAt: number | undefined;
  planVersion = '';
  /** When it last said that what was the newest plan then is in force. */
  acknowledgedAt: number | undefined;
  readonly targets = new Map<string, ReportedState>();
  diagnostics: readonly AgentDiagnosticReport[] = [];
  policies: readonly LiftedPolicy[] = [];
  provider: ProviderRecord | undefined;
  #seq: number | undefined;

  constructor(origin: AgentOrigin, at: number) {
    this.service = origin.service;
    this.instance = origin.instance;
    this.agent = origin.agent;
    this.node = origin.node;
    this.address = origin.address;
    this.seenAt = at;
  }

  /** @param knows whether a plan of its service has the target: of others nothing is kept */
  take(report: AgentReport, at: number, knows: (key: string) => boolean): void {
    this.seenAt = at;
    this.reportedAt = at;
    this.agent = report.agent;
    this.node = report.node;
    this.planVersion = report.planVersion;
    if (report.addresses !== undefined) this.addresses = report.addresses;
    const complete = report.seq !== undefined && this.#seq !== undefined && report.seq === this.#seq + 1;
    this.#seq = report.seq;
    if (!complete) for (const [key, state] of this.targets) this.targets.set(key, withGap(state, at));
    for (const { host, port, effective, why, breakers, byInstance } of report.targets) {
      const key = `${host}:${port}`;
      if (!knows(key)) continue;
      const counted = byInstanceOf(this.targets.get(key)?.byInstance, byInstance, at);
      this.targets.set(key, {
        ...{ effective, breakers },
        ...(why === undefined ? {} : { why }),
        ...(counted === undefined ? {} : { byInstance: counted }),
      });
    }
    for (const key of this.targets.keys()) if (!knows(key)) this.targets.delete(key);
    if (report.diagnostics.length > 0) this.diagnostics = [...this.diagnostics, ...report.diagnostics].slice(-MOST_DIAGNOSTICS);
    if (report.policies !== undefined) this.policies = report.policies.slice(0, MOST_POLICIES);
    if (report.provider !== undefined) {
      const isFirst = this.provider === undefined;
      this.provider ??= new ProviderRecord(at, report.provider.registration);
      this.provider.add(report.provider, at, complete && !isFirst);
    } else if (!complete) this.provider = undefined;
  }
}

/** Reports were lost: what they counted nobody knows. */
function withGap(state: ReportedState, at: number): ReportedState {
  return state.byInstance === undefined ? state : { ...state, byInstance: { ...state.byInstance, since: at } };
}

function byInstanceOf(before: ByInstance | undefined, calls: number | undefined, at: number): ByInstance | undefined {
  if (calls === undefined) return undefined;
  const counted = before ?? { since: at };
  return calls === 0 ? counted : { ...counted, lastAt: at };
}

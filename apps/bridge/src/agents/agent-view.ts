import type { AgentView } from '@isthmus/contract';
import type { Rung } from '@isthmus/ladder';
import type { TargetId } from '@isthmus/plans';
import type { AgentRecord } from './agent-record.ts';

export interface AgentFacts {
  readonly connected: boolean;
  readonly acknowledged: boolean;
  readonly desired: (target: TargetId) => Rung | undefined;
}

/** One agent, for people. */
export function agentView(record: AgentRecord, { connected, acknowledged, desired }: AgentFacts): AgentView {
  const { service, instance, agent, node, address, connectedSince, reportedAt, planVersion, targets, diagnostics } = record;
  return {
    ...{ service, instance, agent, node, address, planVersion, acknowledged, diagnostics },
    ...(connected && connectedSince !== undefined ? { connectedSince } : {}),
    ...(reportedAt === undefined ? {} : { lastReportAt: reportedAt }),
    targets: [...targets]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { effective, why, breakers }]) => {
        const colon = key.lastIndexOf(':');
        const id = { host: key.slice(0, colon), port: Number(key.slice(colon + 1)) };
        const rung = desired(id);
        return {
          ...id,
          ...(rung === undefined ? {} : { desired: rung }),
          ...effective,
          ...(why === undefined ? {} : { why }),
          breakers,
        };
      }),
  };
}

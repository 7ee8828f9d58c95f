import type { Rung } from '@isthmus/ladder';
import type { Agents } from './agents.ts';
import type { AddGauge } from '../engine/gauges.ts';

/** Of the fleet of agents. Services are labels only by their number of agents: targets × services would be too many series. */
export function observeAgents({ fleet, streams, forwarder }: Agents, gauge: AddGauge): void {
  gauge('agents', 'Agents by service, and whether they are connected and have the newest plan', (observe) => {
    const counts = new Map<string, Map<string, number>>();
    for (const { service, connectedSince, acknowledged } of fleet.views()) {
      const state = connectedSince === undefined ? 'gone' : acknowledged ? 'acknowledged' : 'behind';
      const by = counts.get(service) ?? new Map<string, number>();
      counts.set(service, by.set(state, (by.get(state) ?? 0) + 1));
    }
    for (const [service, by] of counts) for (const [state, count] of by) observe(count, { service, state });
  });
  gauge('agent_targets', 'Targets of agents by their effective rung, and whether it is lower than the plan wants', (observe) => {
    const counts = new Map<string, number>();
    const key = (rung: Rung, demoted: boolean): string => `${rung} ${demoted}`;
    for (const { connectedSince, targets } of fleet.views()) {
      if (connectedSince === undefined) continue;
      for (const { rung, why } of targets) {
        const at = key(rung, why !== undefined);
        counts.set(at, (counts.get(at) ?? 0) + 1);
      }
    }
    for (const [at, count] of counts) {
      const [rung = '', demoted = ''] = at.split(' ');
      observe(count, { rung, demoted });
    }
  });
  gauge('agent_streams', 'Streams of agents that are open here', (observe) => observe(streams.size, {}));
  gauge('agent_streams_dropped', 'Streams ended since the start because their agent did not read', (observe) =>
    observe(streams.dropped, {}),
  );
  gauge('agent_reports', 'Reports taken since the start', (observe) => observe(fleet.reports, {}));
  gauge('agent_reports_not_forwarded', 'Reports that did not reach the leader since the start', (observe) =>
    observe(forwarder.dropped, {}),
  );
}

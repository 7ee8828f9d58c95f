import type { AgentTargetView, AgentView } from '@isthmus/contract';
import type { Column } from './table.ts';
import { ago } from './words.ts';

/** One row an agent. @param now milliseconds since the epoch */
export function agentColumns(now: number): readonly Column<AgentView>[] {
  return [
    ...whoColumns(now),
    { head: 'RUNGS', cell: (a) => rungsText(a.targets) },
    { head: 'LOWER', cell: (a) => lowerText(a.targets), optional: true },
  ];
}

/** One row a target, for an agent that was asked for by name. */
export function agentTargetColumns(now: number): readonly Column<readonly [AgentView, AgentTargetView | undefined]>[] {
  const who = whoColumns(now).map(({ head, cell }) => ({ head, cell: ([a]: readonly [AgentView, unknown]) => cell(a) }));
  return [
    ...who,
    { head: 'TARGET', cell: ([, t]) => (t === undefined ? '-' : `${t.host}:${t.port}`) },
    { head: 'WANTED', cell: ([, t]) => t?.desired ?? '-' },
    { head: 'RUNG', cell: ([, t]) => (t === undefined ? '-' : t.percent === 100 ? t.rung : `${t.rung} ${t.percent} %`) },
    { head: 'BREAKERS', cell: ([, t]) => (t?.breakers ?? []).map((b) => `${b.name} ${b.state}`).join(', '), optional: true },
    { head: 'WHY', cell: ([, t]) => t?.why ?? '', optional: true },
  ];
}

function whoColumns(now: number): readonly Column<AgentView>[] {
  return [
    { head: 'SERVICE', cell: (a) => a.service },
    { head: 'INSTANCE', cell: (a) => a.instance },
    { head: 'ADDRESS', cell: (a) => a.address },
    { head: 'AGENT', cell: (a) => a.agent },
    { head: 'NODE', cell: (a) => a.node },
    { head: 'CONNECTED', cell: (a) => (a.connectedSince === undefined ? 'no' : `for ${ago(now, a.connectedSince)}`) },
    { head: 'PLAN', cell: (a) => (a.acknowledged ? 'newest' : a.planVersion === '' ? 'none' : 'older') },
  ];
}

function rungsText(targets: readonly AgentTargetView[]): string {
  const counts = new Map<string, number>();
  for (const { rung } of targets) counts.set(rung, (counts.get(rung) ?? 0) + 1);
  return [...counts].map(([rung, count]) => `${count} ${rung}`).join(', ') || '-';
}

function lowerText(targets: readonly AgentTargetView[]): string {
  const lower = targets.filter(({ why }) => why !== undefined);
  return lower.length === 0 ? '' : `${lower.length}: ${lower[0]?.why}`;
}

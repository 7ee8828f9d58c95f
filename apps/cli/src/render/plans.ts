import type { PlanAuditView, PlanChangeView, PlanDetail, PlanView } from '@isthmus/contract';
import { terminalSafe } from '../terminal-safe.ts';
import { renderTable } from './table.ts';
import type { Column } from './table.ts';
import { ago } from './words.ts';

/** @param now milliseconds since the epoch */
export function planColumns(now: number): readonly Column<PlanView>[] {
  return [
    { head: 'PLAN', cell: (p) => p.name },
    { head: 'TARGET', cell: (p) => p.host ?? p.target },
    { head: 'CONSUMERS', cell: (p) => (p.consumers.length > 3 ? `${p.consumers.length} services` : p.consumers.join(', ')) },
    { head: 'STATE', cell: (p) => p.state },
    { head: 'STEP', cell: (p) => (p.step === undefined ? '' : `${p.step}/${p.steps}`) },
    { head: 'RUNG', cell: (p) => positionText(p) },
    { head: 'FOR', cell: (p) => ago(now, p.since) },
    { head: 'AGENTS', cell: (p) => `${p.agents.acknowledged}/${p.agents.connected}` },
    { head: 'NOT CONNECTED', cell: (p) => String(p.agents.notConnected.length || ''), optional: true },
    { head: 'WHY', cell: (p) => p.why ?? '', optional: true },
  ];
}

/** One plan, with what it waits for. */
export function renderPlan(plan: PlanDetail, now: number): string {
  const { gates, proof, waitsFor, dueAt, agents } = plan;
  const lines = [
    ...waitsFor.map((why) => `waits: ${why}`),
    ...(dueAt === undefined ? [] : [`waits: at least until ${new Date(dueAt).toISOString()}`]),
    ...agents.notConnected.map((agent) => `not connected: ${agent}`),
  ];
  const parts = [
    renderTable(planColumns(now), [plan]),
    lines.length === 0 ? '' : `${lines.map(terminalSafe).join('\n')}\n`,
    gates.length === 0 ? '' : renderTable(gateColumns, gates),
    proof.length === 0 ? '' : renderTable(proofColumns, proof),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

const gateColumns: readonly Column<PlanDetail['gates'][number]>[] = [
  { head: 'GATE', cell: (g) => g.gate },
  { head: 'CONDITION', cell: (g) => g.condition },
  { head: 'MEASURED', cell: (g) => (g.measured === undefined ? '' : String(Number(g.measured.toPrecision(4)))) },
  { head: 'OUTCOME', cell: (g) => g.outcome },
  { head: 'WHY', cell: (g) => g.why ?? '', optional: true },
];

const proofColumns: readonly Column<PlanDetail['proof'][number]>[] = [
  { head: 'RETIRED NEEDS', cell: (p) => p.about },
  { head: 'OUTCOME', cell: (p) => p.outcome },
  { head: 'WHY', cell: (p) => p.why },
];

export const auditColumns: readonly Column<PlanAuditView>[] = [
  { head: 'AT', cell: (a) => new Date(a.at).toISOString() },
  { head: 'BY', cell: (a) => a.by },
  { head: 'WHAT', cell: (a) => a.what },
  { head: 'WHY', cell: (a) => a.why },
];

/** What a write did, a plan a line and below it what that means. */
export function renderPlanChange(change: PlanChangeView): string {
  const { name, action, dryRun, what, before, after, notConnected } = change;
  const moved = positionText(before) === positionText(after) ? '' : `: ${positionText(before)} → ${positionText(after)}`;
  const lines = [
    `plan ${name} ${action}${dryRun ? ' (dry run)' : ''}${moved}`,
    ...what.map((text) => `  ${text}`),
    ...(notConnected.length === 0 ? [] : [`  not connected, and at their last plan until they are: ${notConnected.join(', ')}`]),
  ];
  return `${lines.map(terminalSafe).join('\n')}\n`;
}

/** `traffic 5 %` */
export function positionText({ rung, percent }: { readonly rung: string; readonly percent: number }): string {
  return percent === 100 ? rung : `${rung} ${percent} %`;
}

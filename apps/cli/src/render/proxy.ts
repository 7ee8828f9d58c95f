import type {
  ProxyConfigView,
  ProxyNack,
  ProxyTypeView,
  ProxyView,
  ProxyWorkloadView,
  RejectedProxyView,
} from '@isthmus/contract';
import { terminalSafe } from '../terminal-safe.ts';
import { renderTable } from './table.ts';
import { ago, typeName } from './words.ts';

interface StatusRow {
  readonly proxy: ProxyView;
  readonly type: ProxyTypeView;
}

/** A row for each proxy and type; what was refused follows in the proxy's words. */
export function renderProxyStatus(proxies: readonly ProxyView[], rejected: readonly RejectedProxyView[], now: number): string {
  const rows = proxies.flatMap((proxy) => proxy.types.map((type): StatusRow => ({ proxy, type })));
  const table = renderTable<StatusRow>(
    [
      { head: 'NODE', cell: ({ proxy }) => proxy.node },
      { head: 'PROTOCOL', cell: ({ proxy }) => proxy.transport },
      { head: 'TYPE', cell: ({ type }) => typeName(type.type) },
      { head: 'SUBSCRIBED', cell: ({ type }) => (type.subscribed === '*' ? 'all' : String(type.subscribed)) },
      { head: 'STATE', cell: ({ type }) => stateOf(type, now) },
      { head: 'SENT', cell: ({ type }) => type.sent },
      { head: 'ACKED', cell: ({ type }) => type.acked },
    ],
    rows,
  );
  const refusals = rows.flatMap(({ proxy, type }) =>
    type.nack === undefined
      ? []
      : [
          `${terminalSafe(proxy.node)} refused ${typeName(type.type)}${namesOf(type.nack)} ${ago(now, type.nack.at)} ago:\n  ${terminalSafe(type.nack.message)}\n`,
        ],
  );
  const silent = proxies
    .filter((proxy) => proxy.types.length === 0)
    .map((proxy) => `${terminalSafe(proxy.node)} (${proxy.transport}) has asked for nothing yet\n`);
  const registered = new Set(
    proxies.flatMap(({ node, workload }) =>
      workload === undefined
        ? []
        : `${terminalSafe(node)} is workload ${terminalSafe(workload.name)} of WorkloadGroup ${terminalSafe(workload.group)}: ${wordOf(workload)}\n`,
    ),
  );
  const turnedAway = rejected.map(
    ({ node, address, code, reason, count, lastAt }) =>
      `${terminalSafe(node || 'a client')} from ${address} was turned away${count === 1 ? '' : ` ${count} times, last`} ${ago(now, lastAt)} ago (${code}):\n  ${terminalSafe(reason)}\n`,
  );
  return [...(rows.length === 0 ? [] : [table]), ...refusals, ...silent, ...registered, ...turnedAway].join('\n');
}

function wordOf({ state, reason = '' }: ProxyWorkloadView): string {
  if (state === 'in') return 'callers have it';
  return state === 'unwell' ? 'not called, as its agent has not said that it is well' : `not registered, ${terminalSafe(reason)}`;
}

function namesOf({ names }: ProxyNack): string {
  if (names.length === 0) return '';
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return ` ${names.slice(0, 3).map(terminalSafe).join(', ')}${more}`;
}

function stateOf(type: ProxyTypeView, now: number): string {
  if (!type.served) return 'no such type here';
  if (type.nack !== undefined) return `refused ${ago(now, type.nack.at)} ago`;
  if (type.sent === '') return 'nothing sent';
  return type.unansweredSince === undefined ? 'acked' : `waiting for its ACK, ${ago(now, type.unansweredSince)}`;
}

export function renderProxyConfig(config: ProxyConfigView): string {
  return renderTable(
    [
      { head: 'TYPE', cell: (row) => typeName(row.type) },
      { head: 'NAME', cell: (row) => row.name },
      { head: 'VERSION', cell: (row) => row.version },
      { head: 'STATE', cell: (row) => row.state },
    ],
    config.types.flatMap(({ type, resources }) => resources.map((resource) => ({ type, ...resource }))),
  );
}

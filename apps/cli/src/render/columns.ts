import type {
  ConflictView,
  CorrectionView,
  DiffView,
  EndpointView,
  HeldView,
  ProxyView,
  PublicationView,
  ReplicaView,
  RetainedView,
  ServiceView,
  ShadowDivergenceView,
  ShadowView,
  SourceView,
} from '@isthmus/contract';
import { formatDuration, parseServiceId } from '@isthmus/model';
import type { Diagnostic, ServicePort } from '@isthmus/model';
import type { Column } from './table.ts';
import { ago, hostPort, scopeName } from './words.ts';

/** What each list shows as a table. `now` is milliseconds since the epoch. */

export function sourceColumns(now: number): readonly Column<SourceView>[] {
  return [
    { head: 'SOURCE', cell: (s) => s.source },
    { head: 'KIND', cell: (s) => s.kind },
    { head: 'SCOPE', cell: (s) => scopeName(s.namespace, s.group) },
    { head: 'STATE', cell: (s) => sourceState(s, now) },
    {
      head: 'AS OF',
      cell: (s) => (s.state === 'live' ? 'now' : s.ageMs === undefined ? 'never' : `${formatDuration(s.ageMs)} ago`),
    },
    { head: 'SERVICES', cell: (s) => String(s.services) },
    { head: 'ENDPOINTS', cell: (s) => String(s.endpoints) },
    { head: 'HELD', cell: (s) => String(s.held) },
    { head: 'DAMPED', cell: (s) => (s.damped ? String(s.damped) : ''), optional: true },
    { head: 'REFUSED', cell: (s) => (s.refused ? String(s.refused) : ''), optional: true },
    { head: 'PROBLEMS', cell: (s) => String(s.diagnostics) },
    { head: 'CAUSE', cell: (s) => s.cause ?? '', optional: true },
  ];
}

/** Gone, empty, partial and unreachable are four different things, each with its age. */
function sourceState(s: SourceView, now: number): string {
  if (s.state === 'stale' && s.since !== undefined) return `stale for ${ago(now, s.since)}`;
  if (s.emptyMs !== undefined) return `${s.state}, empty for ${formatDuration(s.emptyMs)}`;
  return s.state === 'live' || s.stateMs === undefined ? s.state : `${s.state} for ${formatDuration(s.stateMs)}`;
}

/** Of what is not as old as now. */
function age(ageMs: number | undefined): string {
  return ageMs === undefined || ageMs === 0 ? '' : `${formatDuration(ageMs)} old`;
}

function formatPorts(ports: readonly ServicePort[]): string {
  return ports.map((port) => `${port.number}/${port.protocol}`).join(',');
}

export const serviceColumns: readonly Column<ServiceView>[] = [
  { head: 'HOST', cell: (s) => s.host },
  { head: 'PORTS', cell: (s) => formatPorts(s.ports) },
  { head: 'ENDPOINTS', cell: (s) => `${s.healthy}/${s.endpoints}` },
  { head: 'ORIGIN', cell: (s) => `${s.origins[0] ?? ''}${s.origins.length > 1 ? ` +${s.origins.length - 1}` : ''}` },
  { head: 'ADDRESS', cell: (s) => s.vip ?? '', optional: true },
  { head: 'PROBLEMS', cell: (s) => String(s.diagnostics) },
  { head: 'STATE', cell: (s) => (s.stale ? 'stale' : 'live') },
  { head: 'AGE', cell: (s) => age(s.ageMs), optional: true },
  { head: 'CHANGED', cell: (s) => (s.changedMs === undefined ? '' : `${formatDuration(s.changedMs)} ago`), optional: true },
];

export const endpointColumns: readonly Column<EndpointView>[] = [
  { head: 'HOST', cell: (e) => e.host },
  { head: 'ADDRESS', cell: (e) => hostPort(e.address, e.port) },
  { head: 'PORT', cell: (e) => e.portName },
  { head: 'WEIGHT', cell: (e) => String(e.weight) },
  { head: 'HEALTH', cell: (e) => e.health },
  { head: 'TRAFFIC', cell: (e) => (e.takesTraffic ? 'yes' : 'no') },
  { head: 'LOCALITY', cell: (e) => e.locality, optional: true },
  { head: 'CLUSTER', cell: (e) => e.cluster, optional: true },
  { head: 'ORIGIN', cell: (e) => e.origin },
  { head: 'AGE', cell: (e) => age(e.ageMs), optional: true },
  { head: 'KEPT', cell: (e) => (e.retained === undefined ? '' : keptText(e.retained)), optional: true },
];

const KEPT = {
  mass: 'held',
  outage: 'held: its registry was away just before',
  flap: 'damped: it comes and goes',
} as const;

/** Why an endpoint is there, or healthy, that its registry no longer lists, or calls unhealthy. */
export function keptText({ why, listed, forMs, goesInMs }: RetainedView): string {
  const goes = goesInMs === undefined ? 'when its registry is followed again' : `in ${formatDuration(goesInMs)}`;
  if (listed === true) return `${KEPT[why]}, called unhealthy for ${formatDuration(forMs)}, is believed ${goes}`;
  return `${KEPT[why]}, not listed for ${formatDuration(forMs)}, goes ${goes}`;
}

export const publicationColumns: readonly Column<PublicationView>[] = [
  { head: 'TO', cell: (p) => p.to },
  { head: 'NAME', cell: (p) => [p.namespace, p.group, p.name].filter((part) => part !== '').join('/') },
  { head: 'HOST', cell: (p) => p.host },
  { head: 'STATE', cell: (p) => p.state },
  { head: 'ENTRIES', cell: (p) => p.entries.join(', ') },
  { head: 'LEFT ALONE', cell: (p) => p.taken.join(', '), optional: true },
  { head: 'LOST TO IT', cell: (p) => p.losers.join(', '), optional: true },
  { head: 'CAUSE', cell: (p) => p.cause ?? '', optional: true },
];

export const correctionColumns: readonly Column<CorrectionView>[] = [
  { head: 'SERVICE', cell: (c) => c.service },
  { head: 'ADDRESS', cell: (c) => hostPort(c.address, c.port) },
  { head: 'ACTION', cell: (c) => c.action },
  { head: 'STATE', cell: (c) => c.state },
  { head: 'REASON', cell: (c) => c.reason },
  { head: 'CAUSE', cell: (c) => c.cause ?? '', optional: true },
];

/** One difference a row; a service without any has none. */
export type DiffRow = DiffView['differences'][number] & Pick<DiffView, 'host'>;

const DIFFERENCES: Readonly<Record<DiffRow['kind'], string>> = {
  'only-registry': 'only in the registry',
  'only-kubernetes': 'only in Kubernetes',
  port: 'other port',
  health: 'other health',
  labels: 'other labels',
};

export const diffColumns: readonly Column<DiffRow>[] = [
  { head: 'HOST', cell: (d) => d.host },
  { head: 'AT', cell: (d) => d.at },
  { head: 'DIFFERENCE', cell: (d) => DIFFERENCES[d.kind] },
  { head: 'REGISTRY', cell: (d) => d.registry ?? '', optional: true },
  { head: 'KUBERNETES', cell: (d) => d.kubernetes ?? '', optional: true },
];

/** One place a row. */
export type ShadowRow = ShadowDivergenceView & Pick<ShadowView, 'host'>;

export const shadowColumns: readonly Column<ShadowRow>[] = [
  { head: 'HOST', cell: (d) => d.host },
  { head: 'AT', cell: (d) => d.at },
  { head: 'SDK', cell: (d) => seenAs(d, d.sdk) },
  { head: 'MESH', cell: (d) => seenAs(d, d.mesh) },
  { head: 'WHY', cell: (d) => d.code },
  { head: 'FOR', cell: (d) => `${formatDuration(d.forMs)}${d.counts ? '' : ' (not counted yet)'}` },
  { head: 'SEEN BY', cell: (d) => `${d.seenBy[0] ?? ''}${d.processes > 1 ? ` +${d.processes - 1}` : ''}` },
  { head: 'EXPLANATION', cell: (d) => d.explanation },
];

function seenAs({ kind }: ShadowRow, said: string | undefined): string {
  if (said === undefined) return '-';
  return kind === 'weight' || kind === 'zone' || kind === 'protocol' ? `${kind} ${said}` : said;
}

export const conflictColumns: readonly Column<ConflictView>[] = [
  { head: 'HOST', cell: (c) => c.host },
  { head: 'WINNER', cell: (c) => c.winner },
  { head: 'LEFT OUT', cell: (c) => c.losers.join(', ') },
  { head: 'REASON', cell: (c) => c.reason },
];

/** The name at the end of a service id, as the registry has it. */
function serviceName(id: string): string {
  return parseServiceId(id)?.name ?? id;
}

export function heldColumns(now: number): readonly Column<HeldView>[] {
  return [
    { head: 'SCOPE', cell: (h) => h.scope },
    {
      head: 'REMOVING',
      cell: (h) => `${h.removing} of ${h.of}${h.unhealthy === undefined ? '' : ` (${h.unhealthy} called unhealthy)`}`,
    },
    { head: 'HELD FOR', cell: (h) => (h.heldMs === undefined ? ago(now, h.since) : formatDuration(h.heldMs)) },
    {
      head: 'CONFIRMED',
      cell: (h) =>
        h.scope.startsWith('checks:')
          ? 'when a check succeeds'
          : h.confirmAt > now
            ? `in ${formatDuration(h.confirmAt - now)} at the earliest`
            : 'by the next complete read',
    },
    {
      head: 'SERVICES',
      cell: (h) => `${h.services.slice(0, 3).map(serviceName).join(', ')}${h.services.length > 3 ? ', ...' : ''}`,
    },
  ];
}

export function proxyColumns(now: number): readonly Column<ProxyView>[] {
  return [
    { head: 'NODE', cell: (p) => p.node },
    { head: 'ADDRESS', cell: (p) => p.address },
    { head: 'PROTOCOL', cell: (p) => p.transport },
    { head: 'CONNECTED', cell: (p) => `for ${ago(now, p.connectedAt)}` },
    { head: 'TYPES', cell: (p) => String(p.types.length) },
    { head: 'REFUSED', cell: (p) => String(p.types.filter((t) => t.nack !== undefined).length) },
  ];
}

export const replicaColumns: readonly Column<ReplicaView>[] = [
  { head: 'REPLICA', cell: (r) => (r.id === '' ? '-' : r.id) },
  { head: 'ROLE', cell: (r) => r.role },
  { head: 'EPOCH', cell: (r) => String(r.epoch) },
  { head: 'LEDGER', cell: (r) => String(r.ledgerRevision) },
  { head: 'LEADER', cell: (r) => r.leader ?? '-' },
  { head: 'STORE', cell: (r) => (r.storeSilentMs === undefined ? '-' : `${formatDuration(r.storeSilentMs)} ago`) },
  { head: 'WAITING', cell: (r) => String(r.waiting) },
  { head: 'WITHHELD', cell: (r) => String(r.withheld) },
  { head: 'PROBLEM', cell: (r) => r.problem ?? '', optional: true },
];

export const diagnosticColumns: readonly Column<Diagnostic>[] = [
  { head: 'SEVERITY', cell: (d) => d.severity },
  { head: 'CODE', cell: (d) => d.code },
  { head: 'WHERE', cell: (d) => d.where },
  { head: 'WHAT', cell: (d) => `${d.what}; ${d.meaning}` },
  { head: 'TRY', cell: (d) => d.remedy },
];

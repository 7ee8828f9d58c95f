import type { Catalog, ScopeState } from '@isthmus/catalog';
import type { ConflictView, EndpointView, HeldView, ServiceDetail, ServiceView, SourceView } from '@isthmus/contract';
import { formatLocality, scopeId, scopeOf, serviceId, takesTraffic } from '@isthmus/model';
import type { Diagnostic, MeshEndpoint, MeshHost, MeshService, SourceId } from '@isthmus/model';
import { ageOf, ageOfRecord, agesOfHost, retainedView } from './ages.ts';

/** The catalog in the shapes of the control API. Pure; called on demand, so nothing is kept for it. */

const MOST_HELD_NAMES = 20;

export function sourceView(state: ScopeState, kind: string, now: number): SourceView {
  const { status, records, scope } = state;
  let endpoints = 0;
  let diagnostics = state.diagnostics.length;
  let refused = 0;
  const age = ageOf(state, now);
  for (const id of state.waiting) refused += records.get(id)?.refused.length ?? 0;
  for (const { record } of records.values()) {
    endpoints += record.endpoints.length;
    diagnostics += record.diagnostics.length;
  }
  return {
    source: scope.source,
    kind,
    namespace: scope.namespace,
    group: scope.group,
    state: status.state,
    ...(status.state === 'stale' ? { since: status.since } : {}),
    ...('cause' in status ? { cause: status.cause } : {}),
    ...(age === undefined ? {} : { ageMs: age }),
    stateMs: Math.max(0, now - state.statusSince),
    ...(state.lastSync === undefined || state.emptySince === undefined ? {} : { emptyMs: Math.max(0, now - state.emptySince) }),
    services: records.size,
    endpoints,
    held: state.held?.removing ?? 0,
    damped: state.retained.flap,
    refused,
    diagnostics,
  };
}

export function serviceView(catalog: Catalog, service: MeshService): ServiceView {
  const { endpoints, diagnostics, ...rest } = serviceDetail(catalog, service);
  return { ...rest, endpoints: endpoints.length, diagnostics: diagnostics.length };
}

export function serviceDetail(catalog: Catalog, service: MeshService): ServiceDetail {
  const endpoints = endpointViews(service, catalog);
  const stale = catalog
    .recordsOf(service.host)
    .some(({ record }) => catalog.scopeById(scopeId(scopeOf(record.key)))?.status.state === 'stale');
  return {
    host: service.host,
    ports: service.ports,
    endpoints,
    healthy: endpoints.filter((e) => e.takesTraffic).length,
    origins: service.origins,
    ...(service.vip === undefined ? {} : { vip: service.vip }),
    stale,
    ...agesOfHost(catalog, service.host),
    namespace: service.namespace,
    ...(service.exportTo === undefined ? {} : { exportTo: service.exportTo }),
    diagnostics: service.diagnostics,
  };
}

export function endpointViews(service: MeshService, catalog: Catalog): readonly EndpointView[] {
  return service.endpoints.map((member) => endpointView(service.host, member, catalog));
}

export function endpointView(host: MeshHost, { endpoint, portName, origin }: MeshEndpoint, catalog: Catalog): EndpointView {
  const known = catalog.recordOf(origin);
  const age = known === undefined ? undefined : ageOfRecord(catalog, known);
  const retained = known === undefined ? undefined : retainedView(catalog, known, endpoint);
  return {
    host,
    address: endpoint.address,
    port: endpoint.port,
    portName,
    protocol: endpoint.protocol,
    weight: endpoint.weight,
    health: endpoint.health,
    locality: formatLocality(endpoint.locality),
    origin,
    cluster: endpoint.cluster,
    labels: endpoint.labels,
    takesTraffic: takesTraffic(endpoint),
    ...(age === undefined ? {} : { ageMs: age }),
    ...(retained === undefined ? {} : { retained }),
  };
}

export function mergedServices(catalog: Catalog): readonly MeshService[] {
  return [...catalog.hosts()].sort().flatMap((host) => catalog.merged(host) ?? []);
}

/** Hosts that several services claim, and addresses that several hosts declare. */
export function conflictViews(catalog: Catalog): readonly ConflictView[] {
  return conflicts(catalog).map(({ view }) => view);
}

interface Conflict {
  readonly view: ConflictView;
  readonly diagnostic: Diagnostic;
}

function conflicts(catalog: Catalog): readonly Conflict[] {
  const found: Conflict[] = [];
  const add = (
    host: MeshHost,
    code: 'host.conflict' | 'vip.conflict',
    view: (merged: MeshService) => Omit<ConflictView, 'host' | 'reason'>,
  ) => {
    const merged = catalog.merged(host);
    const diagnostic = merged?.diagnostics.find((d) => d.code === code);
    if (merged !== undefined && diagnostic !== undefined)
      found.push({ view: { host, ...view(merged), reason: diagnostic.what }, diagnostic });
  };
  for (const host of [...catalog.hosts()].sort()) {
    const claims = catalog.recordsOf(host).filter(({ record }) => record.endpoints.length > 0);
    if (claims.length < 2) continue;
    const ids = claims.map(({ record }) => serviceId(record.key));
    add(host, 'host.conflict', ({ origins }) => ({
      winner: origins.join(', '),
      losers: ids.filter((id) => !origins.includes(id)),
    }));
  }
  for (const [host, winner] of [...catalog.hostsWithoutTheirAddress()].sort(([a], [b]) => (a < b ? -1 : 1)))
    add(host, 'vip.conflict', ({ origins }) => ({ winner, losers: origins }));
  return found;
}

export function heldViews(catalog: Catalog): readonly HeldView[] {
  const now = catalog.now();
  return [...catalog.scopes()].flatMap((state) => {
    if (state.held === undefined) return [];
    const { since, removing, of, unhealthy, services } = state.held;
    return [
      {
        scope: scopeId(state.scope),
        since,
        removing,
        ...(unhealthy === undefined ? {} : { unhealthy }),
        of,
        confirmAt: now + catalog.heldFor(state),
        heldMs: Math.max(0, now - since),
        services: services.slice(0, MOST_HELD_NAMES),
      },
    ];
  });
}

/** Of those conflicts. */
export function conflictDiagnostics(catalog: Catalog): readonly Diagnostic[] {
  return conflicts(catalog).map(({ diagnostic }) => diagnostic);
}

export function kindOf(
  registries: readonly { readonly id: SourceId; readonly kind: { readonly kind: string } }[],
  source: string,
): string {
  return registries.find((r) => r.id === source)?.kind.kind ?? 'unknown';
}

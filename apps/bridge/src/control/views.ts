import type { Catalog, ScopeState } from '@isthmus/catalog';
import type { ConflictView, EndpointView, HeldView, ServiceDetail, ServiceView, SourceView } from '@isthmus/contract';
import { formatLocality, scopeId, scopeOf, serviceId, takesTraffic } from '@isthmus/model';
import type { Diagnostic, MeshHost, MeshService, SourceId } from '@isthmus/model';

/** The catalog in the shapes of the control API. Pure; called on demand, so nothing is kept for it. */

const MOST_HELD_NAMES = 20;

export function sourceView(state: ScopeState, kind: string, now: number): SourceView {
  const { status, records, scope } = state;
  let endpoints = 0;
  let diagnostics = state.diagnostics.length;
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
    ...(state.lastSync === undefined ? {} : { ageMs: ageOf(state, now) }),
    services: records.size,
    endpoints,
    held: state.held?.removing ?? 0,
    diagnostics,
  };
}

/** A live scope is as old as now: its source would have said otherwise. */
export function ageOf(state: ScopeState, now: number): number {
  if (state.status.state === 'live') return 0;
  return now - (state.status.state === 'stale' ? state.status.since : (state.lastSync ?? now));
}

export function serviceView(catalog: Catalog, service: MeshService): ServiceView {
  const { endpoints, diagnostics, ...rest } = serviceDetail(catalog, service);
  return { ...rest, endpoints: endpoints.length, diagnostics: diagnostics.length };
}

export function serviceDetail(catalog: Catalog, service: MeshService): ServiceDetail {
  const endpoints = endpointViews(service);
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
    diagnostics: service.diagnostics,
  };
}

export function endpointViews(service: MeshService): readonly EndpointView[] {
  return service.endpoints.map(({ endpoint, portName, origin }) => ({
    host: service.host,
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
  }));
}

export function mergedServices(catalog: Catalog): readonly MeshService[] {
  return [...catalog.hosts()].sort().flatMap((host) => catalog.merged(host) ?? []);
}

export function conflictViews(catalog: Catalog): readonly ConflictView[] {
  const conflicts: ConflictView[] = [];
  for (const host of [...catalog.hosts()].sort()) {
    const claims = catalog.recordsOf(host).filter(({ record }) => record.endpoints.length > 0);
    if (claims.length < 2) continue;
    const merged = catalog.merged(host);
    const conflict = merged?.diagnostics.find((d) => d.code === 'host.conflict');
    if (merged === undefined || conflict === undefined) continue;
    const losers = claims.map(({ record }) => serviceId(record.key)).filter((id) => !merged.origins.includes(id));
    conflicts.push({ host, winner: merged.origins.join(', '), losers, reason: conflict.what });
  }
  return conflicts;
}

export function heldViews(catalog: Catalog): readonly HeldView[] {
  return [...catalog.scopes()].flatMap((state) => {
    if (state.held === undefined) return [];
    const { since, removing, of, services } = state.held;
    return [
      {
        scope: scopeId(state.scope),
        since,
        removing,
        of,
        confirmAt: since + catalog.guard.confirmAfterMs,
        services: services.slice(0, MOST_HELD_NAMES),
      },
    ];
  });
}

/** Everything that is wrong with what the registries said, in a stable order. */
export function* catalogDiagnostics(catalog: Catalog): Generator<Diagnostic> {
  for (const state of catalog.scopes()) {
    yield* state.diagnostics;
    for (const { record } of state.records.values()) yield* record.diagnostics;
  }
  for (const conflict of conflictViews(catalog)) {
    const diagnostic = catalog.merged(conflict.host as MeshHost)?.diagnostics.find((d) => d.code === 'host.conflict');
    if (diagnostic !== undefined) yield diagnostic;
  }
  for (const held of heldViews(catalog)) {
    yield {
      code: 'removal.held',
      severity: 'warning',
      where: held.scope,
      what: `a complete read would remove ${held.removing} of ${held.of} endpoints`,
      meaning: 'they stay until the registry has said so for a while',
      remedy: `wait, look at \`isthmus get held\`, or let it through: isthmus release-held ${held.scope}`,
    };
  }
}

export function kindOf(
  registries: readonly { readonly id: SourceId; readonly kind: { readonly kind: string } }[],
  source: string,
): string {
  return registries.find((r) => r.id === source)?.kind.kind ?? 'unknown';
}

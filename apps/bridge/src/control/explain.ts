import { isIP } from 'node:net';
import type { Catalog, KnownRecord } from '@isthmus/catalog';
import type {
  ExplainAnswer,
  ExplainedHost,
  ExplainedOrigin,
  ExplainedRules,
  LeftOut,
  PublishedResource,
} from '@isthmus/contract';
import { endpointKey, formatDuration, scopeId, scopeOf, serviceId } from '@isthmus/model';
import type { Endpoint, MeshHost, MeshService } from '@isthmus/model';
import type { TrafficPolicy } from '@isthmus/proto/istio';
import { CLUSTER_TYPE, EGRESS_ROUTE, ENDPOINT_TYPE, ROUTE_TYPE, outboundName } from '@isthmus/translate';
import type { Engine } from '../engine/engine.ts';
import { whyLeftOut } from './liveness-views.ts';
import { explainPlans, hostsOfPlans } from '../plans/explain-plans.ts';
import { explainRules } from './explain-rules.ts';
import { publicationsOf } from './publications.ts';
import { ageOfRecord } from './ages.ts';
import { endpointView, kindOf } from './views.ts';

/** Hosts in one answer; an address is rarely in more. */
const MOST_MATCHES = 50;

/** Where a host or address comes from, what became of it, what was left out and why. */
export function explain(engine: Engine, query: string): ExplainAnswer {
  const hosts = matchingHosts(engine, query.trim().toLowerCase());
  return { query, matches: hosts.slice(0, MOST_MATCHES).map((host) => explainHost(engine, host)) };
}

function matchingHosts({ catalog, plans }: Engine, query: string): readonly MeshHost[] {
  const [, six, four, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(query) ?? [];
  const name = six ?? four ?? query;
  if (isIP(name) !== 0) return hostsAt(catalog, name, port === undefined ? undefined : Number(port));
  // A plan may name what no registry has any more, or has not got yet.
  const all = [...new Set([...catalog.hosts(), ...hostsOfPlans(plans.plans)])];
  const exact = all.filter((host) => host === name);
  if (exact.length > 0) return exact;
  // "orders" is what an engineer types at three in the morning
  return all
    .filter(
      (host) =>
        host.startsWith(`${name}.`) || catalog.recordsOf(host).some(({ record }) => record.key.name.toLowerCase() === name),
    )
    .sort();
}

function hostsAt(catalog: Catalog, address: string, port: number | undefined): readonly MeshHost[] {
  const at = (e: Endpoint) => e.address === address && (port === undefined || e.port === port);
  const isThere = ({ record, refused }: KnownRecord) => record.endpoints.some(at) || refused.some(({ endpoint }) => at(endpoint));
  const byVip = (host: MeshHost) => catalog.merged(host)?.vip === address;
  return [...catalog.hosts()].filter((host) => catalog.recordsOf(host).some(isThere) || byVip(host)).sort();
}

function explainHost(engine: Engine, host: MeshHost): ExplainedHost {
  const { catalog } = engine;
  const merged = catalog.merged(host);
  const records = catalog.recordsOf(host);
  const trafficRules = merged === undefined ? undefined : explainRules(engine, merged);
  const plans = explainPlans(engine.plans.plans, host);
  const rules = new Set(
    records.map(({ record }) => {
      const { rule } = catalog.rules.hostOf(record);
      return rule === undefined ? `default host of ${record.key.source}` : `merge.hosts[${rule}]`;
    }),
  );
  return {
    host,
    origins: records.map((known) => explainOrigin(engine, host, known)),
    merge: {
      rule: [...rules].sort().join(', '),
      ports: merged?.ports ?? [],
      ...(merged?.vip === undefined ? {} : { vip: merged.vip }),
      ...(merged === undefined ? {} : { namespace: merged.namespace, rules: hostRules(catalog, merged) }),
      ...(merged?.exportTo === undefined ? {} : { exportTo: merged.exportTo }),
    },
    outputs: outputsOf(engine, host, trafficRules),
    published: publicationsOf(host, engine.sinks),
    ...(trafficRules === undefined ? {} : { trafficRules }),
    ...(plans.length === 0 ? {} : { plans }),
    leftOut: [...leftOut(engine, host)],
  };
}

function explainOrigin(engine: Engine, host: MeshHost, known: KnownRecord): ExplainedOrigin {
  const { catalog } = engine;
  const id = serviceId(known.record.key);
  const { record, did } = catalog.rules.map(engine.liveness.seen(id, known.record));
  const state = catalog.scopeById(scopeId(scopeOf(record.key)));
  const status = state?.status ?? { state: 'syncing' as const };
  const ports = catalog.merged(host)?.ports ?? [];
  const portName = (e: Endpoint) => e.portName ?? ports.find((p) => p.protocol === e.protocol)?.name ?? e.protocol;
  const age = ageOfRecord(catalog, known);
  const excluded = catalog.rules.excludedBy(record.key);
  return {
    service: id,
    source: record.key.source,
    kind: kindOf(engine.config.registries, record.key.source),
    ...(record.origins === undefined ? {} : { via: record.origins }),
    state: status.state,
    ...(status.state === 'stale' ? { since: status.since } : {}),
    ...('cause' in status ? { cause: status.cause } : {}),
    ...(age === undefined ? {} : { ageMs: age }),
    changedMs: Math.max(0, catalog.now() - known.changedAt),
    ...(record.host === host ? {} : { defaultHost: record.host }),
    rules: excluded === undefined ? did : [`${excluded}: left out`, ...did],
    endpoints: record.endpoints.map((endpoint) => ({
      ...endpointView(host, { endpoint, portName: portName(endpoint), origin: id }, catalog),
      ...(endpoint.labels === endpoint.metadata ? {} : { metadata: endpoint.metadata }),
    })),
    diagnostics: record.diagnostics,
  };
}

/** What rules said of the host as a whole. */
function hostRules(catalog: Catalog, merged: MeshService): readonly string[] {
  const members = merged.origins
    .flatMap((id) => catalog.recordOf(id)?.record ?? [])
    .sort((a, b) => catalog.rules.compare(a.key, b.key));
  const { rule: placed, namespace } = catalog.rules.placementOf(members);
  const { rule: ported } = catalog.rules.portsFor(members);
  return [
    ...(placed === undefined ? [] : [`merge.namespaces[${placed}]: namespace ${namespace}`]),
    ...(ported === undefined ? [] : [`merge.servicePorts[${ported}]`]),
    ...merged.diagnostics.filter((d) => d.code === 'vip.conflict').map((d) => `vip.conflict: ${d.what}; ${d.meaning}`),
  ];
}

function outputsOf(engine: Engine, host: MeshHost, rules: ExplainedRules | undefined): ExplainedHost['outputs'] {
  const subsets = new Set(['', ...(rules?.destinationRules ?? []).flatMap((rule) => rule.subsets)]);
  const merged = engine.catalog.merged(host);
  const xds: PublishedResource[] = [];
  for (const port of merged?.ports ?? []) {
    for (const subset of subsets) {
      for (const type of [CLUSTER_TYPE, ENDPOINT_TYPE]) {
        const resource = engine.xds.resources(type).get(outboundName(host, port.number, subset));
        if (resource !== undefined) xds.push({ type, name: resource.name, version: resource.version });
      }
    }
  }
  const route = engine.xds.resources(ROUTE_TYPE).get(EGRESS_ROUTE);
  if (xds.length > 0 && route !== undefined) xds.push({ type: ROUTE_TYPE, name: route.name, version: route.version });
  const mcp = engine.publishers.mcp.namesOf(host).flatMap(({ type, name }) => {
    const resource = engine.mcp.resources(type).get(name);
    return resource === undefined ? [] : [{ type, name, version: resource.version }];
  });
  return { xds, mcp };
}

/** `outputs.xds.unhealthy: send`: Envoys have unhealthy instances too, but in clusters that a rule lets panic. */
function toldAsUnhealthy(engine: Engine, merged: MeshService | undefined): string {
  if (merged === undefined || engine.config.outputs.xds?.unhealthy !== 'send') return '';
  const panics = (policy: TrafficPolicy | undefined): boolean =>
    [policy, ...(policy?.portLevelSettings ?? [])].some((each) => (each?.outlierDetection?.minHealthPercent ?? 0) > 0);
  for (const { rule } of engine.mesh.publisher.rules.destinations.applying(merged))
    if ([rule.spec, ...rule.spec.subsets].some(({ trafficPolicy }) => panics(trafficPolicy)))
      return '; Envoys are told so, but where minHealthPercent of a rule would have them call it';
  return '; Envoys are told so, all others hear nothing of it';
}

function* leftOut(engine: Engine, host: MeshHost): Generator<LeftOut> {
  const { catalog } = engine;
  const merged = catalog.merged(host);
  const published = new Set(merged?.endpoints.map((m) => `${m.origin} ${endpointKey(m.endpoint)}`));
  const told = toldAsUnhealthy(engine, merged);
  for (const known of catalog.recordsOf(host)) {
    const { record } = catalog.rules.map(known.record);
    const service = serviceId(record.key);
    const excluded = catalog.rules.excludedBy(record.key);
    for (const e of record.endpoints) {
      const at = { address: e.address, port: e.port, service };
      const why = whyLeftOut(engine, service, e);
      if (why !== undefined) yield { ...at, reason: why.why === 'failed-check' ? `${why.reason}${told}` : why.reason };
      else if (excluded !== undefined) yield { ...at, reason: `${excluded} leaves the service out` };
      else if (e.health === 'disabled') yield { ...at, reason: 'disabled at the registry' };
      else if (e.health === 'unhealthy') yield { ...at, reason: `unhealthy at the registry${told}` };
      else if (e.weight === 0) yield { ...at, reason: 'weight 0' };
      else if (!published.has(`${service} ${endpointKey(e)}`))
        yield { ...at, reason: `${merged?.origins.join(', ') ?? 'another service'} is published under this host` };
    }
    for (const { endpoint: e, buriedAt } of known.refused) {
      const ago = formatDuration(catalog.now() - buriedAt);
      const reason = `deregistered ${ago} ago, and the registration listed now is not a newer one: an older view of it`;
      yield { address: e.address, port: e.port, service, reason };
    }
    for (const d of record.diagnostics)
      if (d.severity === 'error') yield { address: d.where, port: 0, service, reason: `${d.what} [${d.code}]` };
  }
  for (const d of engine.publishers.mcp.diagnosticsOf(host))
    yield { address: d.where, port: 0, service: host, reason: `${d.what} [${d.code}]` };
}

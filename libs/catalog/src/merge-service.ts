import { endpointKey, serviceId } from '@isthmus/model';
import type { Diagnostic, MeshEndpoint, MeshHost, MeshService, ServiceRecord } from '@isthmus/model';
import type { CompiledRules } from './merge-rules.ts';
import { portNameOf, portsOf } from './service-ports.ts';

/**
 * Everything that the registries say about one host, as callers see it. Pure and independent of the order of the
 * records: incremental and full recomputation give the same service.
 *
 * Undefined when no record has an endpoint: a host without instances is no service (higress#1566: "empty" means
 * the same for every registry).
 */
export function mergeService(
  host: MeshHost,
  records: readonly ServiceRecord[],
  rules: CompiledRules,
  vip: string | undefined,
): MeshService | undefined {
  const ranked = records.filter((record) => record.endpoints.length > 0).sort((a, b) => rules.compare(a.key, b.key));
  const first = ranked[0];
  if (first === undefined) return undefined;
  // Joined by rules, or alone: a service that only happens to have the host does not slip in.
  const ruled = ranked.filter((record) => rules.hostOf(record).rule !== undefined);
  const members = ruled.length > 0 ? ruled : [first];
  const diagnostics: Diagnostic[] = members.flatMap((record) => record.diagnostics);
  if (members.length < ranked.length) diagnostics.push(conflict(host, members, ranked));

  const ports = portsOf(members, rules.ports);
  const byAddress = new Map<string, MeshEndpoint>();
  for (const record of members) {
    const origin = serviceId(record.key);
    for (const endpoint of record.endpoints) {
      const name = portNameOf(endpoint, ports);
      const key = `${name} ${endpointKey(endpoint)}`;
      // A process registered in two registries is one endpoint; the registry that comes first is believed.
      if (!byAddress.has(key)) byAddress.set(key, { origin, portName: name, endpoint });
    }
  }
  const sorted = [...byAddress].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    host,
    namespace: rules.meshNamespace,
    resolution: sorted.some(([, e]) => e.endpoint.addressType === 'dns') ? 'dns' : 'static',
    ports,
    endpoints: sorted.map(([, endpoint]) => endpoint),
    origins: members.map((record) => serviceId(record.key)).sort(),
    vip,
    ...importedFrom(members),
    diagnostics,
  };
}

/** What came from another bridge keeps its first origins, so that the next one can name them and stop it from going round. */
function importedFrom(members: readonly ServiceRecord[]): Pick<MeshService, 'importedFrom'> {
  if (members.every((record) => record.origins === undefined)) return {};
  return { importedFrom: [...new Set(members.flatMap((record) => record.origins ?? [serviceId(record.key)]))].sort() };
}

/** The conflict is visible on the service that won, and in `isthmus get conflicts` (istio#44084). */
function conflict(host: MeshHost, members: readonly ServiceRecord[], ranked: readonly ServiceRecord[]): Diagnostic {
  const winners = members.map((record) => serviceId(record.key)).join(', ');
  const losers = ranked.filter((record) => !members.includes(record)).map((record) => serviceId(record.key));
  return {
    code: 'host.conflict',
    severity: 'error',
    where: winners,
    what: `${losers.join(', ')} ${losers.length === 1 ? 'has' : 'have'} the host ${host} too`,
    meaning: `${winners} is published, the others are left out`,
    remedy: 'join them by a rule under merge.hosts, or order the registries under merge.precedence',
  };
}

import { addressKey, serviceId, takesTraffic } from '@isthmus/model';
import type { Diagnostic, MeshEndpoint, MeshHost, MeshService, ServiceRecord } from '@isthmus/model';
import type { CompiledRules } from './merge-rules.ts';
import { portNameOf, portsOf } from './service-ports.ts';

/** The address of a host, and what is wrong with it. */
export interface VipDecision {
  readonly vip: string | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** The leader of the replicas has not decided yet: the service is published with its address, not before. */
  readonly isWithheld?: boolean;
}

/**
 * Everything that the registries say about one host, as callers see it. Pure and independent of the order of the
 * records: incremental and full recomputation give the same service.
 *
 * Undefined when no record has an endpoint: a host without instances is no service (higress#1566: "empty" means
 * the same for every registry). But one that a ServiceEntry declares is a service whoever serves it, as Istio has it: its callers
 * get a 503, or go where they wanted to (resolution NONE, which has no instances at all).
 */
export function mergeService(
  host: MeshHost,
  records: readonly ServiceRecord[],
  rules: CompiledRules,
  vipOf: (members: readonly ServiceRecord[]) => VipDecision,
): MeshService | undefined {
  const ranked = records
    .filter((record) => isService(record) && rules.excludedBy(record.key) === undefined)
    .sort((a, b) => rules.compare(a.key, b.key));
  const joined = membersOf(ranked, rules);
  if (joined.length === 0) return undefined;
  const members = chosen(joined, rules).map((record) => rules.map(record).record);
  const diagnostics: Diagnostic[] = members.flatMap((record) => record.diagnostics);
  if (joined.length < ranked.length) diagnostics.push(conflict(host, joined, ranked));

  const ports = portsOf(members, rules.portsFor(members).table);
  const byAddress = new Map<string, MeshEndpoint>();
  for (const record of members) {
    const origin = serviceId(record.key);
    for (const endpoint of record.endpoints) {
      const name = portNameOf(endpoint, ports);
      const key = `${name} ${addressKey(endpoint)}`;
      // A process registered in two registries is one endpoint; the registry that comes first is believed.
      if (!byAddress.has(key)) byAddress.set(key, { origin, portName: name, endpoint });
    }
  }
  const sorted = [...byAddress].sort(([a], [b]) => (a < b ? -1 : 1));
  const { namespace, exportTo } = rules.placementOf(members);
  const { vip, diagnostics: ofVip, isWithheld } = vipOf(members);
  if (isWithheld === true) return undefined;
  const declared = members[0]?.declared;
  return {
    host,
    namespace,
    resolution: declared?.resolution ?? (sorted.some(([, e]) => e.endpoint.addressType === 'dns') ? 'dns' : 'static'),
    ports,
    endpoints: sorted.map(([, endpoint]) => endpoint),
    origins: members.map((record) => serviceId(record.key)).sort(),
    vip,
    ...(exportTo === undefined ? {} : { exportTo }),
    ...(declared === undefined ? {} : { declared }),
    ...importedFrom(members),
    diagnostics: [...diagnostics, ...ofVip],
  };
}

function isService({ endpoints, declared }: ServiceRecord): boolean {
  return endpoints.length > 0 || declared !== undefined;
}

/**
 * Joined by rules that call them the same, or alone: a service that only happens to have the host, or whose name only
 * looks the same once it is a DNS name, does not slip in.
 */
function membersOf(ranked: readonly ServiceRecord[], rules: CompiledRules): readonly ServiceRecord[] {
  const first = ranked.find((record) => rules.hostOf(record).rule !== undefined) ?? ranked[0];
  if (first === undefined) return [];
  const { rule, wanted } = rules.hostOf(first);
  if (rule === undefined) return [first];
  return ranked.filter((record) => {
    const other = rules.hostOf(record);
    return other.rule !== undefined && other.wanted === wanted;
  });
}

/** Policy `first`: the others stand by. */
function chosen(joined: readonly ServiceRecord[], rules: CompiledRules): readonly ServiceRecord[] {
  const [first] = joined;
  if (first === undefined || rules.hostOf(first).policy === 'merge') return joined;
  const serving = joined.find((record) => rules.map(record).record.endpoints.some(takesTraffic));
  return [serving ?? first];
}

function importedFrom(members: readonly ServiceRecord[]): Pick<MeshService, 'importedFrom'> {
  if (members.every(({ origins }) => origins === undefined)) return {};
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

import { serviceId } from '@isthmus/model';
import type { Protocol, ServiceKey, ServiceRecord, SourceId } from '@isthmus/model';
import { hostRules } from './host-rule.ts';
import type { HostDecision, HostRule } from './host-rule.ts';
import { placements } from './placement.ts';
import type { NamespaceRule, Placement } from './placement.ts';
import { changesRecords, recordRules, unchanged } from './record-rules.ts';
import type { MappedRecord, RecordRules } from './record-rules.ts';
import { servicePattern } from './service-pattern.ts';

export type PortTable = Readonly<Partial<Record<Protocol, number>>>;

/** How what the registries say becomes mesh hosts: `merge:` of the config. */
export interface MergeRules extends RecordRules {
  /** Services that become hosts at all; patterns over service ids. */
  readonly services: { readonly include: readonly string[]; readonly exclude: readonly string[] };
  /** The first that matches counts. */
  readonly hosts: readonly HostRule[];
  /** Who wins when two services have one host without a rule; registries not named come after, by id. */
  readonly precedence: readonly SourceId[];
  /** The stable service port of a protocol, where it is not the usual one. */
  readonly ports: PortTable;
  /** The same for some services; the first that matches counts. */
  readonly servicePorts: readonly { readonly services: string; readonly ports: PortTable }[];
  readonly namespaces: readonly NamespaceRule[];
  /** Namespace of the ServiceEntries where nothing says otherwise. */
  readonly meshNamespace: string;
}

export const DEFAULT_RULES: MergeRules = {
  services: { include: ['*'], exclude: [] },
  hosts: [],
  precedence: [],
  protocols: [],
  ports: {},
  servicePorts: [],
  labels: { keep: ['*'], drop: [], rename: {} },
  locality: { region: [], zone: [], subzone: [], defaults: [] },
  weights: [],
  namespaces: [],
  meshNamespace: 'isthmus',
};

/** The rules in a form that answers per key. */
export interface CompiledRules extends MergeRules {
  hostOf(record: ServiceRecord): HostDecision;
  /** What the endpoints of a service become. The same answer for the same record object, computed once. */
  map(record: ServiceRecord): MappedRecord;
  /** Which rule leaves the service out (`merge.services.exclude[0]`); undefined: none. */
  excludedBy(key: ServiceKey): string | undefined;
  /** The ports of a host's services, in their order. */
  portsFor(members: readonly ServiceRecord[]): { readonly table: PortTable; readonly rule: number | undefined };
  placementOf(members: readonly ServiceRecord[]): Placement;
  /** Orders services of one host: the first one wins a conflict. */
  compare(a: ServiceKey, b: ServiceKey): number;
}

export function compileRules(rules: MergeRules): CompiledRules {
  const rank = new Map(rules.precedence.map((source, index) => [source, index]));
  const included = rules.services.include.map(servicePattern);
  const excluded = rules.services.exclude.map(servicePattern);
  const ported = rules.servicePorts.map(({ services }) => servicePattern(services));
  return {
    ...rules,
    // A weak map of all records costs garbage collection more than a rule that has nothing to do.
    hostOf: rules.hosts.length === 0 ? hostRules([]) : once(hostRules(rules.hosts)),
    map: changesRecords(rules) ? once(recordRules(rules)) : unchanged,
    placementOf: placements(rules.namespaces, rules.meshNamespace),
    excludedBy(key) {
      const index = excluded.findIndex((matches) => matches(key));
      if (index >= 0) return `merge.services.exclude[${index}]`;
      return included.some((matches) => matches(key)) ? undefined : 'merge.services.include';
    },
    portsFor(members) {
      for (const { key } of members) {
        const rule = ported.findIndex((matches) => matches(key));
        if (rule >= 0) return { table: { ...rules.ports, ...rules.servicePorts[rule]?.ports }, rule };
      }
      return { table: rules.ports, rule: undefined };
    },
    compare(a, b) {
      const byRank = (rank.get(a.source) ?? rank.size) - (rank.get(b.source) ?? rank.size);
      return byRank !== 0 ? byRank : serviceId(a) < serviceId(b) ? -1 : 1;
    },
  };
}

/** A host is merged whenever one of its services changes, and asked for by every view: the others need not be mapped again. */
function once<Result>(rule: (record: ServiceRecord) => Result): (record: ServiceRecord) => Result {
  const known = new WeakMap<ServiceRecord, Result>();
  return (record) => {
    const before = known.get(record);
    if (before !== undefined) return before;
    const result = rule(record);
    known.set(record, result);
    return result;
  };
}

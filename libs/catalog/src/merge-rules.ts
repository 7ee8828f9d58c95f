import { parseServiceId, serviceId } from '@isthmus/model';
import type { MeshHost, Protocol, ServiceId, ServiceKey, ServiceRecord, SourceId } from '@isthmus/model';

// One mesh host over several registries, only by an explicit rule:
// { host: orders.shop.internal, from: ['shop/*/*/orders', 'hq/dc1//orders'] }
export interface HostRule {
  readonly host: MeshHost;
  /** Service ids; `*` stands for any characters of one part. */
  readonly from: readonly string[];
}

export interface MergeRules {
  readonly hosts: readonly HostRule[];
  /** Who wins when two services have one host without a rule; registries not named come after, by id. */
  readonly precedence: readonly SourceId[];
  /** The stable service port of a protocol. */
  readonly ports: Readonly<Partial<Record<Protocol, number>>>;
  /** Namespace of the ServiceEntries. */
  readonly meshNamespace: string;
}

export const DEFAULT_RULES: MergeRules = { hosts: [], precedence: [], ports: {}, meshNamespace: 'isthmus' };

/** The rules in a form that answers per key. */
export interface CompiledRules extends MergeRules {
  hostOf(record: ServiceRecord): MeshHost;
  /** True when a rule says that several services share this host. */
  isShared(host: MeshHost): boolean;
  /** Orders services of one host: the first one wins a conflict. */
  compare(a: ServiceKey, b: ServiceKey): number;
}

export function compileRules(rules: MergeRules): CompiledRules {
  const matchers = rules.hosts.map((rule) => ({ host: rule.host, matches: rule.from.map(matcher) }));
  const shared = new Set(rules.hosts.map((rule) => rule.host));
  const rank = new Map(rules.precedence.map((source, index) => [source, index]));
  return {
    ...rules,
    hostOf(record) {
      const rule = matchers.find((m) => m.matches.some((match) => match(record.key)));
      return rule?.host ?? record.host;
    },
    isShared: (host) => shared.has(host),
    compare(a, b) {
      const byRank = (rank.get(a.source) ?? rules.precedence.length) - (rank.get(b.source) ?? rules.precedence.length);
      if (byRank !== 0) return byRank;
      return compareIds(serviceId(a), serviceId(b));
    },
  };
}

function compareIds(a: ServiceId, b: ServiceId): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function matcher(pattern: string): (key: ServiceKey) => boolean {
  const parts = parseServiceId(pattern);
  if (parts === undefined) return () => false; // the config schema has refused it with its line
  const tests = [parts.source, parts.namespace, parts.group, parts.name].map((part) => {
    const escaped = part.split('*').map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${escaped.join('.*')}$`);
  });
  return (key) => [key.source, key.namespace, key.group, key.name].every((value, i) => tests[i]?.test(value));
}

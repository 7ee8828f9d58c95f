import { parseMeshHost, serviceId } from '@isthmus/model';
import type { MeshHost, Protocol, ServiceKey, ServiceRecord, SourceId } from '@isthmus/model';

/** Gives services a mesh host of one's own choice; several services that get one host by rules are one service. */
export interface HostRule {
  /** Pattern over registry/namespace/group/name; `*` stands for any characters of one part. */
  readonly services: string;
  /** `{source}`, `{namespace}`, `{group}` and `{name}` stand for the parts of the key. */
  readonly host: string;
}

export interface MergeRules {
  /** The first that matches counts. */
  readonly hosts: readonly HostRule[];
  /** Who wins when two services have one host without a rule; registries not named come after, by id. */
  readonly precedence: readonly SourceId[];
  /** The stable service port of a protocol, where it is not the usual one. */
  readonly ports: Readonly<Partial<Record<Protocol, number>>>;
  /** Namespace of the ServiceEntries. */
  readonly meshNamespace: string;
}

export const DEFAULT_RULES: MergeRules = { hosts: [], precedence: [], ports: {}, meshNamespace: 'isthmus' };

export interface HostDecision {
  readonly host: MeshHost;
  /** Index of the rule under merge.hosts; undefined: the registry's default host. */
  readonly rule: number | undefined;
}

/** The rules in a form that answers per key. */
export interface CompiledRules extends MergeRules {
  hostOf(record: ServiceRecord): HostDecision;
  /** Orders services of one host: the first one wins a conflict. */
  compare(a: ServiceKey, b: ServiceKey): number;
}

export function compileRules(rules: MergeRules): CompiledRules {
  const matchers = rules.hosts.map((rule) => matcher(rule.services));
  const rank = new Map(rules.precedence.map((source, index) => [source, index]));
  return {
    ...rules,
    hostOf(record) {
      const rule = matchers.findIndex((matches) => matches(record.key));
      const host = rule < 0 ? undefined : expand(rules.hosts[rule]?.host ?? '', record.key);
      // A template that gives no DNS name for this key leaves the service where its users expect it.
      return host === undefined ? { host: record.host, rule: undefined } : { host, rule };
    },
    compare(a, b) {
      const byRank = (rank.get(a.source) ?? rank.size) - (rank.get(b.source) ?? rank.size);
      return byRank !== 0 ? byRank : serviceId(a) < serviceId(b) ? -1 : 1;
    },
  };
}

function expand(template: string, key: ServiceKey): MeshHost | undefined {
  const parts: Readonly<Record<string, string>> = {
    source: key.source,
    namespace: key.namespace,
    group: key.group,
    name: key.name,
  };
  const text = template.replace(/\{(source|namespace|group|name)\}/g, (_, part: string) =>
    (parts[part] ?? '').replace(/[^A-Za-z0-9.-]+/g, '-'),
  );
  return parseMeshHost(text);
}

function matcher(pattern: string): (key: ServiceKey) => boolean {
  const tests = pattern.split('/').map((part) => {
    const escaped = part.split('*').map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${escaped.join('.*')}$`);
  });
  return (key) =>
    tests.length === 4 && [key.source, key.namespace, key.group, key.name].every((value, i) => tests[i]?.test(value));
}

import { RuleBucket } from './destination-rules/rule-bucket.ts';
import { compareSpecificity, coversHost, ruleHost } from './destination-rules/rule-host.ts';
import type { ConsolidatedRule, Rule } from './destination-rules/consolidate.ts';
import type { Pool } from './destination-rules/rule-bucket.ts';

export interface RuleMesh {
  /** `cluster.local`: what short hosts end in. */
  readonly domain: string;
  readonly rootNamespace: string;
}

/** Who calls: rules are looked up in the client's namespace first. */
export interface RuleClient {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What is called. */
export interface RuleTarget {
  readonly host: string;
  readonly namespace: string;
}

/** A rule, and the namespaces whose callers have it; `*`: all that have none of their own. */
export interface AppliedRule {
  readonly rule: Rule;
  readonly callers: readonly string[];
}

interface NamespaceRules {
  readonly buckets: Map<string, RuleBucket>;
  /** The hosts among them that are wildcards, most specific first. */
  wildcards: readonly string[];
}

/**
 * All DestinationRules by namespace and host. Answers are made when asked for and kept: as long as nothing changed the
 * same object comes back. A change costs what the host's own rules cost, whatever the number of others.
 */
export class DestinationRules {
  readonly #mesh: RuleMesh;
  readonly #namespaces = new Map<string, NamespaceRules>();
  /** `namespace/name` -> what is filed, and where. */
  readonly #filed = new Map<string, { readonly rule: Rule; readonly host: string }>();

  constructor(mesh: RuleMesh) {
    this.#mesh = mesh;
  }

  /** Takes a new or changed rule. Returns the hosts, wildcards included, whose services may have another rule now. */
  set(rule: Rule): readonly string[] {
    const key = `${rule.namespace}/${rule.name}`;
    const before = this.#filed.get(key);
    if (before?.rule.version === rule.version && before.rule.createdAt === rule.createdAt) return [];
    const host = ruleHost(rule.spec.host, rule.namespace, this.#mesh.domain);
    const dirty = new Set([host]);
    if (before !== undefined && before.host !== host) {
      this.#unfile(before.rule, before.host);
      dirty.add(before.host);
    }
    this.#filed.set(key, { rule, host });
    this.#bucket(rule.namespace, host).set(rule);
    return [...dirty];
  }

  /** Forgets a rule. Returns the hosts, wildcards included, whose services may have another rule now. */
  delete(namespace: string, name: string): readonly string[] {
    const key = `${namespace}/${name}`;
    const filed = this.#filed.get(key);
    if (filed === undefined) return [];
    this.#filed.delete(key);
    this.#unfile(filed.rule, filed.host);
    return [filed.host];
  }

  /**
   * The rule for a client's calls: of the client's namespace, else what the service's namespace exports, else what the
   * root namespace exports; in each the most specific host. Rules with a workload selector go before those without.
   */
  outbound(target: RuleTarget, client: RuleClient): Rule | undefined {
    let forAll: Rule | undefined;
    for (const { rule } of this.#candidates(target, client.namespace)) {
      const selector = rule.spec.workloadSelector;
      if (selector === undefined) forAll = rule;
      else if (rule.namespace === client.namespace && selects(selector.matchLabels, client.labels)) return rule;
    }
    return forAll;
  }

  /**
   * Every rule that somebody's calls of the service may go by: those of the callers' own namespaces, then, for all without one, what
   * the service's namespace exports, else the root namespace's. Looks at each namespace: for people, not for traffic.
   */
  *applying({ host, namespace }: RuleTarget): Generator<AppliedRule> {
    const { rootNamespace } = this.#mesh;
    for (const own of [...this.#namespaces.keys()].sort()) {
      const found = this.#find(own, own === rootNamespace ? 'private' : 'local', host);
      const forAll = found.findLast(({ rule }) => rule.spec.workloadSelector === undefined);
      for (const each of found)
        if (each === forAll || each.rule.spec.workloadSelector !== undefined) yield { rule: each.rule, callers: [own] };
    }
    const exported = this.#find(namespace, 'exported', host);
    for (const { rule, exportTo } of exported.length > 0 ? exported : this.#find(rootNamespace, 'exported', host))
      yield { rule, callers: exportTo.size === 0 ? ['*'] : [...exportTo].sort() };
  }

  /** The rule whose connection pool the receiving side has too: selectors are about callers, so they play no part. */
  inbound(target: RuleTarget, namespace: string): Rule | undefined {
    return this.#candidates(target, namespace).findLast(({ rule }) => rule.spec.workloadSelector === undefined)?.rule;
  }

  /** Whether labels of clients in this namespace decide anything about the service's rule. */
  selectsWorkloads(target: RuleTarget, namespace: string): boolean {
    return this.#candidates(target, namespace).some(({ rule }) => rule.spec.workloadSelector !== undefined);
  }

  #candidates({ host, namespace }: RuleTarget, client: string): readonly ConsolidatedRule[] {
    const { rootNamespace } = this.#mesh;
    // In the root namespace "own" means private: its public rules are everybody's last resort, not its gateways' first.
    const own = this.#find(client, client === rootNamespace ? 'private' : 'local', host);
    if (own.length > 0) return own;
    const offered = exportedTo(client, this.#find(namespace, 'exported', host));
    return offered.length > 0 ? offered : exportedTo(client, this.#find(rootNamespace, 'exported', host));
  }

  #find(namespace: string, pool: Pool, host: string): readonly ConsolidatedRule[] {
    const rules = this.#namespaces.get(namespace);
    if (rules === undefined) return [];
    const exact = rules.buckets.get(host)?.pool(pool) ?? [];
    if (exact.length > 0) return exact;
    for (const wildcard of rules.wildcards) {
      if (wildcard === host || !coversHost(wildcard, host)) continue;
      const found = rules.buckets.get(wildcard)?.pool(pool) ?? [];
      if (found.length > 0) return found;
    }
    return [];
  }

  #bucket(namespace: string, host: string): RuleBucket {
    let rules = this.#namespaces.get(namespace);
    if (rules === undefined) this.#namespaces.set(namespace, (rules = { buckets: new Map(), wildcards: [] }));
    let bucket = rules.buckets.get(host);
    if (bucket === undefined) {
      rules.buckets.set(host, (bucket = new RuleBucket(namespace)));
      if (host.startsWith('*')) rules.wildcards = [...rules.wildcards, host].sort(compareSpecificity);
    }
    return bucket;
  }

  #unfile({ namespace, name }: Rule, host: string): void {
    const rules = this.#namespaces.get(namespace);
    const bucket = rules?.buckets.get(host);
    if (rules === undefined || bucket === undefined) return;
    bucket.delete(name);
    if (bucket.size > 0) return;
    rules.buckets.delete(host);
    rules.wildcards = rules.wildcards.filter((wildcard) => wildcard !== host);
    if (rules.buckets.size === 0) this.#namespaces.delete(namespace);
  }
}

function exportedTo(client: string, rules: readonly ConsolidatedRule[]): readonly ConsolidatedRule[] {
  return rules.filter(({ exportTo }) => exportTo.size === 0 || exportTo.has('*') || exportTo.has(client));
}

function selects(wanted: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

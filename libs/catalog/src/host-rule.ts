import { parseMeshHost } from '@isthmus/model';
import type { MeshHost, ServiceKey, ServiceRecord } from '@isthmus/model';
import { servicePattern } from './service-pattern.ts';

/** Gives services a mesh host of one's own choice; several services that get one host by rules are one service. */
export interface HostRule {
  /** Pattern over registry/namespace/group/name; `*` stands for any characters. */
  readonly services: string;
  /** `{source}`, `{namespace}`, `{group}` and `{name}` stand for the parts of the key. */
  readonly host: string;
  /**
   * Of several services under one host: `merge`: the endpoints of all; `first`: those of the first in precedence that has
   * one that takes traffic. Default merge.
   */
  readonly policy?: 'merge' | 'first';
}

export interface HostDecision {
  readonly host: MeshHost;
  /** Index of the rule under merge.hosts; undefined: the registry's default host. */
  readonly rule: number | undefined;
  readonly policy: 'merge' | 'first';
  /**
   * What the rule said before it was made a DNS name, without case. Only services that are called the same there are one
   * service: `a_b` and `a-b` only look alike as hosts.
   */
  readonly wanted: string;
}

/** Pure, by key; the first rule that matches counts. */
export function hostRules(rules: readonly HostRule[]): (record: ServiceRecord) => HostDecision {
  const matchers = rules.map((rule) => servicePattern(rule.services));
  return (record) => {
    const index = matchers.findIndex((matches) => matches(record.key));
    const rule = rules[index];
    const wanted = rule === undefined ? '' : expandTemplate(rule.host, record.key);
    const host = rule === undefined ? undefined : parseMeshHost(wanted.replace(/[^A-Za-z0-9.-]+/g, '-'));
    // A template that gives no DNS name for this key leaves the service where its users expect it.
    if (rule === undefined || host === undefined) return { host: record.host, rule: undefined, policy: 'merge', wanted: '' };
    return { host, rule: index, policy: rule.policy ?? 'merge', wanted: wanted.toLowerCase() };
  };
}

export function expandTemplate(template: string, key: ServiceKey): string {
  const parts: Readonly<Record<string, string>> = { ...key };
  return template.replace(/\{(source|namespace|group|name)\}/g, (_, part: string) => parts[part] ?? '');
}

import { isWildcardHost } from '@isthmus/model';
import type { MeshHost } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';

type Rule = IstioObject<'VirtualService'>;

const NONE: readonly string[] = [];

/** Which VirtualServices a service is part of: those that name its host or send to it, and those with a wildcard. */
export class RulesByHost {
  readonly #rules = new Map<string, Rule>();
  readonly #hosts = new Map<string, readonly string[]>();
  readonly #keys = new Map<string, Set<string>>();
  readonly #wildcards = new Set<string>();

  /** Rules that may cover any host. */
  get wildcards(): Iterable<string> {
    return this.#wildcards;
  }

  keys(): Iterable<string> {
    return this.#hosts.keys();
  }

  hosts(): Iterable<MeshHost> {
    return this.#keys.keys() as Iterable<MeshHost>;
  }

  hostsOf(key: string): readonly string[] {
    return this.#hosts.get(key) ?? NONE;
  }

  *of(host: string): Iterable<string> {
    const named = this.#keys.get(host);
    if (named !== undefined) yield* named;
    for (const key of this.#wildcards) if (named?.has(key) !== true) yield key;
  }

  *rulesOf(host: string): Iterable<Rule> {
    for (const key of this.of(host)) yield this.#rules.get(key) as Rule;
  }

  set(key: string, rule: Rule | undefined): void {
    for (const host of this.hostsOf(key)) {
      const keys = this.#keys.get(host);
      keys?.delete(key);
      if (keys?.size === 0) this.#keys.delete(host);
    }
    this.#wildcards.delete(key);
    this.#hosts.delete(key);
    this.#rules.delete(key);
    if (rule === undefined) return;
    this.#rules.set(key, rule);
    const hosts = hostsIn(rule);
    this.#hosts.set(key, hosts);
    if (rule.spec.hosts.some(isWildcardHost)) this.#wildcards.add(key);
    for (const host of hosts) this.#keys.set(host, (this.#keys.get(host) ?? new Set()).add(key));
  }

  clear(): void {
    this.#rules.clear();
    this.#hosts.clear();
    this.#keys.clear();
    this.#wildcards.clear();
  }
}

function hostsIn(rule: Rule): readonly string[] {
  return [...new Set([...rule.spec.hosts, ...destinationHosts(rule)])];
}

/** The hosts that its routes send to, mirrors too; one may be there twice. Plain loops: a new group asks it of every rule. */
export function destinationHosts({ spec }: Rule): readonly string[] {
  const hosts: string[] = [];
  const add = (destination: { readonly host: string } | undefined): void => {
    if (destination !== undefined) hosts.push(destination.host);
  };
  for (const { route, mirror, mirrors } of spec.http) {
    for (const { destination } of route) add(destination);
    add(mirror);
    for (const { destination } of mirrors) add(destination);
  }
  for (const { route } of spec.tcp) for (const { destination } of route) add(destination);
  for (const { route } of spec.tls) for (const { destination } of route) add(destination);
  return hosts;
}

import type { Resource } from '@isthmus/model';
import { composeRouteSteps } from '../route.ts';
import type { EncodedVirtualHost } from '../virtual-hosts.ts';
import { withDomains } from './route-virtual-host.ts';
import type { RouteVirtualHost } from './route-virtual-host.ts';

/**
 * One RouteConfiguration kept together out of units (a VirtualService's hosts, a service's): names and domains are in it once, the
 * first in order has them. A unit that changes costs its own hosts and those that share a name or a domain with them.
 */
export class RouteAssembly {
  readonly name: string;
  readonly #units = new Map<string, readonly RouteVirtualHost[]>();
  readonly #byName = new Map<string, Set<RouteVirtualHost>>();
  readonly #byDomain = new Map<string, Set<RouteVirtualHost>>();
  readonly #known = new Map<string, number>();
  readonly #nameOwner = new Map<string, RouteVirtualHost>();
  readonly #domainOwner = new Map<string, RouteVirtualHost>();
  /** By name, as `composeRouteSteps` wants them. */
  #sorted: EncodedVirtualHost[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** @returns whether the route is another one now */
  set(unit: string, hosts: readonly RouteVirtualHost[]): boolean {
    const before = this.#units.get(unit) ?? [];
    if (sameHosts(before, hosts)) return false;
    const changed = [...before, ...hosts];
    for (const host of before) this.#count(host, -1);
    for (const host of hosts) this.#count(host, 1);
    if (hosts.length === 0) this.#units.delete(unit);
    else this.#units.set(unit, hosts);
    return this.#settle(changed);
  }

  delete(unit: string): boolean {
    return this.set(unit, []);
  }

  /** All that it has, in order; not to be changed, and another list after the next change. */
  virtualHosts(): readonly EncodedVirtualHost[] {
    return this.#sorted;
  }

  /** @param tail what stands behind the virtual hosts: the catch-all and the options, encoded */
  composeSteps(tail: Uint8Array): Generator<void, Resource> {
    return composeRouteSteps(this.name, this.#sorted, tail);
  }

  compose(tail: Uint8Array): Resource {
    const steps = this.composeSteps(tail);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    return step.value;
  }

  #count(host: RouteVirtualHost, by: 1 | -1): void {
    keep(this.#byName, host.name, host, by);
    for (const domain of host.domains) keep(this.#byDomain, domain, host, by);
    for (const name of host.known) {
      const count = (this.#known.get(name) ?? 0) + by;
      if (count === 0) this.#known.delete(name);
      else this.#known.set(name, count);
    }
  }

  #settle(changed: readonly RouteVirtualHost[]): boolean {
    const hosts = new Set(changed);
    for (const name of new Set(changed.map((host) => host.name))) {
      const before = this.#nameOwner.get(name);
      const owner = first(this.#byName.get(name) ?? []);
      if (owner === before) continue;
      if (owner === undefined) this.#nameOwner.delete(name);
      else this.#nameOwner.set(name, owner);
      if (before !== undefined) hosts.add(before);
      if (owner !== undefined) hosts.add(owner);
    }
    const domains = new Set([...hosts].flatMap((host) => [...host.domains, ...host.known]));
    for (const domain of domains) {
      const before = this.#domainOwner.get(domain);
      const owner = first([...(this.#byDomain.get(domain) ?? [])].filter((host) => this.#mayHave(host, domain)));
      if (owner === before) continue;
      if (owner === undefined) this.#domainOwner.delete(domain);
      else this.#domainOwner.set(domain, owner);
      if (before !== undefined) hosts.add(before);
      if (owner !== undefined) hosts.add(owner);
    }
    return this.#replace([...new Set([...hosts].map((host) => host.name))]);
  }

  #mayHave(host: RouteVirtualHost, domain: string): boolean {
    if (this.#nameOwner.get(host.name) !== host) return false;
    return !this.#known.has(domain) || !host.expanded.includes(domain);
  }

  #replace(names: readonly string[]): boolean {
    let different = false;
    const sorted = [...this.#sorted];
    for (const name of names) {
      const at = position(sorted, name);
      const before = sorted[at]?.name === name ? sorted[at] : undefined;
      const after = this.#effective(name);
      if (before?.version === after?.version) continue;
      different = true;
      sorted.splice(at, before === undefined ? 0 : 1, ...(after === undefined ? [] : [after]));
    }
    if (different) this.#sorted = sorted;
    return different;
  }

  /** With the domains that it really has. */
  #effective(name: string): EncodedVirtualHost | undefined {
    const host = this.#nameOwner.get(name);
    if (host === undefined) return undefined;
    const own = new Set(host.domains.filter((domain) => this.#domainOwner.get(domain) === host));
    if (own.size === 0) return undefined;
    return own.size === host.domains.length ? host : withDomains(host, [...own]);
  }
}

/** The pure form: all units at once. */
export function assembleRoute(name: string, hosts: readonly RouteVirtualHost[], tail: Uint8Array): Resource {
  const assembly = new RouteAssembly(name);
  assembly.set('', hosts);
  return assembly.compose(tail);
}

function keep(map: Map<string, Set<RouteVirtualHost>>, key: string, host: RouteVirtualHost, by: 1 | -1): void {
  const set = map.get(key) ?? new Set();
  if (by === 1) set.add(host);
  else set.delete(host);
  if (set.size === 0) map.delete(key);
  else map.set(key, set);
}

function first(hosts: Iterable<RouteVirtualHost>): RouteVirtualHost | undefined {
  let best: RouteVirtualHost | undefined;
  for (const host of hosts) if (best === undefined || host.order < best.order) best = host;
  return best;
}

/** Of the name in the sorted list, or where it belongs. */
function position(sorted: readonly EncodedVirtualHost[], name: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle]?.name ?? '') < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sameHosts(a: readonly RouteVirtualHost[], b: readonly RouteVirtualHost[]): boolean {
  return (
    a.length === b.length &&
    a.every((host, index) => host.name === b[index]?.name && host.version === b[index]?.version && host.order === b[index]?.order)
  );
}

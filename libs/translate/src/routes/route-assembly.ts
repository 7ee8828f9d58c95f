import { atOnce } from '@isthmus/model';
import type { Resource } from '@isthmus/model';
import { compareText } from '../ordered.ts';
import { composeRouteSteps } from '../route.ts';
import type { EncodedVirtualHost } from '../virtual-hosts.ts';
import { Claims } from './claims.ts';
import { encodedHost, versionWith } from './route-virtual-host.ts';
import type { RouteVirtualHost } from './route-virtual-host.ts';

/** More changes than these between two lists, and the list is sorted anew. */
const FEW = 64;

/**
 * One RouteConfiguration kept together out of units (a VirtualService's hosts, a service's): names and domains are in it once, the
 * first in order has them. A unit that changes costs its own hosts and those that share a name or a domain with them.
 */
export class RouteAssembly {
  readonly name: string;
  readonly #units = new Map<string, readonly RouteVirtualHost[]>();
  readonly #names = new Claims();
  readonly #domains = new Claims();
  /** What services are called: nobody else's expanded form. */
  readonly #known = new Claims();
  /** By name, with the domains that they really have. */
  readonly #effective = new Map<string, EncodedVirtualHost>();
  #sorted: readonly EncodedVirtualHost[] = [];
  /** Names whose virtual host is not the one in `#sorted`. */
  readonly #stale = new Set<string>();

  constructor(name: string) {
    this.name = name;
  }

  /** @returns whether the route is another one now */
  set(unit: string, hosts: readonly RouteVirtualHost[]): boolean {
    const before = this.#units.get(unit) ?? [];
    if (sameHosts(before, hosts)) return false;
    for (const host of before) this.#claim(host, 'drop');
    for (const host of hosts) this.#claim(host, 'add');
    if (hosts.length === 0) this.#units.delete(unit);
    else this.#units.set(unit, hosts);
    let changed = false;
    for (const name of this.#touched([...before, ...hosts])) changed = this.#renew(name) || changed;
    return changed;
  }

  delete(unit: string): boolean {
    return this.set(unit, []);
  }

  /** All that it has, by name; the same list until something changes. */
  virtualHosts(): readonly EncodedVirtualHost[] {
    if (this.#stale.size === 0) return this.#sorted;
    if (this.#stale.size > FEW) {
      this.#sorted = [...this.#effective.values()].sort((a, b) => compareText(a.name, b.name));
    } else {
      const sorted = [...this.#sorted];
      for (const name of this.#stale) {
        const at = position(sorted, name);
        const host = this.#effective.get(name);
        sorted.splice(at, sorted[at]?.name === name ? 1 : 0, ...(host === undefined ? [] : [host]));
      }
      this.#sorted = sorted;
    }
    this.#stale.clear();
    return this.#sorted;
  }

  /** @param tail what stands behind the virtual hosts: the catch-all and the options, encoded */
  composeSteps(tail: Uint8Array): Generator<void, Resource> {
    return composeRouteSteps(this.name, this.virtualHosts(), tail);
  }

  compose(tail: Uint8Array): Resource {
    return atOnce(this.composeSteps(tail));
  }

  #claim(host: RouteVirtualHost, what: 'add' | 'drop'): void {
    this.#names[what](host.name, host);
    for (const domain of host.domains) this.#domains[what](domain, host);
    for (const name of host.known) this.#known[what](name, host);
  }

  /** The names of all virtual hosts that may have other domains now, or another owner. */
  #touched(changed: readonly RouteVirtualHost[]): ReadonlySet<string> {
    const names = new Set<string>();
    for (const { name } of changed) names.add(name);
    for (const host of [...names].flatMap((name) => this.#names.of(name)).concat(changed)) {
      for (const text of [...host.domains, ...host.known]) for (const other of this.#domains.of(text)) names.add(other.name);
    }
    return names;
  }

  #renew(name: string): boolean {
    const host = this.#names.first(name);
    const domains = host === undefined ? [] : this.#domainsOf(host);
    if (host === undefined || domains.length === 0) {
      if (!this.#effective.delete(name)) return false;
    } else {
      if (this.#effective.get(name)?.version === versionWith(host, domains)) return false;
      this.#effective.set(name, encodedHost(host, domains));
    }
    this.#stale.add(name);
    return true;
  }

  #domainsOf(host: RouteVirtualHost): readonly string[] {
    return host.domains.filter((domain) => this.#domains.first(domain, (other) => this.#mayHave(other, domain)) === host);
  }

  #mayHave(host: RouteVirtualHost, domain: string): boolean {
    if (this.#names.first(host.name) !== host) return false;
    return !host.expanded.includes(domain) || this.#known.of(domain).length === 0;
  }
}

/** The pure form: all units at once. */
export function assembleRoute(name: string, hosts: readonly RouteVirtualHost[], tail: Uint8Array): Resource {
  const assembly = new RouteAssembly(name);
  assembly.set('', hosts);
  return assembly.compose(tail);
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

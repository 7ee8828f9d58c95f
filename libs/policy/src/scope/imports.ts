import { hostMatches, hostWithin, isWildcardHost } from '@isthmus/model';

interface Hosts {
  readonly exact: ReadonlySet<string>;
  /** All of them, in the order written. */
  readonly all: readonly string[];
}

/** What `hosts` of a Sidecar's egress listener let in: `namespace/host`, `./host`, `*` for any namespace, `~` for none. */
export class Imports {
  readonly #byNamespace: ReadonlyMap<string, Hosts>;
  /** Lets in whatever is visible. */
  readonly everything: boolean;
  /** The only hosts that it can let in; undefined where it has wildcards. */
  readonly onlyHosts: ReadonlySet<string> | undefined;

  constructor(hosts: readonly string[], namespace: string) {
    const lists = new Map<string, string[]>();
    for (const host of hosts) {
      const [owner, name, more] = host.split('/');
      if (owner === undefined || name === undefined || more !== undefined) continue; // refused when it was loaded
      const key = owner === '.' ? namespace : owner;
      lists.set(key, [...(lists.get(key) ?? []), name]);
    }
    this.#byNamespace = new Map(
      [...lists].map(([key, all]) => [key, { all, exact: new Set(all.filter((host) => !isWildcardHost(host))) }]),
    );
    this.everything = this.#byNamespace.get('*')?.all.includes('*') ?? false;
    const names = [...this.#byNamespace.values()].flatMap(({ all }) => all);
    this.onlyHosts = names.some(isWildcardHost) ? undefined : new Set(names);
  }

  /** A service in this namespace. */
  service(namespace: string, host: string): boolean {
    return this.everything || this.#some(namespace, (hosts) => has(hosts, host, hostWithin));
  }

  /** A VirtualService there with these hosts: one that is wider than what is imported comes too, as always in Istio. */
  virtualService(namespace: string, names: readonly string[]): boolean {
    return this.everything || this.#some(namespace, (hosts) => names.some((name) => has(hosts, name, hostMatches)));
  }

  #some(namespace: string, test: (hosts: Hosts) => boolean): boolean {
    return [namespace, '*'].some((key) => {
      const hosts = this.#byNamespace.get(key);
      return hosts !== undefined && test(hosts);
    });
  }
}

function has({ exact, all }: Hosts, host: string, matches: (host: string, imported: string) => boolean): boolean {
  if (exact.has(host)) return true;
  const wildcard = isWildcardHost(host);
  return all.some((imported) => (wildcard || isWildcardHost(imported)) && matches(host, imported));
}

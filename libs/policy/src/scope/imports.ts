import { hostMatches, hostWithin, isWildcardHost } from '@isthmus/model';

interface Hosts {
  readonly exact: ReadonlySet<string>;
  /** All of them, in the order written. */
  readonly all: readonly string[];
  /** What is kept out whatever else lets it in. */
  readonly except: readonly string[];
}

/**
 * What `hosts` of a Sidecar's egress listener let in: `namespace/host`, `./host`, `*` for any namespace; what a namespace with `~`
 * before it names is kept out, `~/host` in all of them.
 */
export class Imports {
  readonly #byNamespace: ReadonlyMap<string, Hosts>;
  /** Lets in whatever is visible. */
  readonly everything: boolean;
  /** The only hosts that it can let in; undefined where it has wildcards. */
  readonly onlyHosts: ReadonlySet<string> | undefined;
  /** Every host is of a namespace that is named: then they are in the order of their age alone. */
  readonly named: boolean;

  constructor(hosts: readonly string[], namespace: string) {
    const lists = new Map<string, { readonly all: string[]; readonly except: string[] }>();
    for (const host of hosts) {
      const [owner, name, more] = host.split('/');
      if (owner === undefined || name === undefined || more !== undefined) continue; // refused when it was loaded
      const excluded = owner.startsWith('~');
      const of = excluded ? owner.slice(1) || '*' : owner;
      const key = of === '.' ? namespace : of;
      const list = lists.get(key) ?? { all: [], except: [] };
      list[excluded ? 'except' : 'all'].push(name);
      lists.set(key, list);
    }
    this.#byNamespace = new Map(
      [...lists].map(([key, { all, except }]) => [
        key,
        { all, except, exact: new Set(all.filter((host) => !isWildcardHost(host))) },
      ]),
    );
    const every = [...lists.values()];
    this.everything = (lists.get('*')?.all.includes('*') ?? false) && every.every(({ except }) => except.length === 0);
    const names = every.flatMap(({ all }) => all);
    this.onlyHosts = names.some(isWildcardHost) ? undefined : new Set(names);
    this.named = (lists.get('*')?.all ?? []).length === 0;
  }

  /** A service in this namespace. */
  service(namespace: string, host: string): boolean {
    if (this.everything) return true;
    const lists = this.#listsOf(namespace);
    return !isExcluded(lists, host) && lists.some((hosts) => has(hosts, host, hostWithin));
  }

  /** A VirtualService there with these hosts: one that is wider than what is imported comes too, as always in Istio. */
  virtualService(namespace: string, names: readonly string[]): boolean {
    if (this.everything) return true;
    const lists = this.#listsOf(namespace);
    return names.some((name) => !isExcluded(lists, name) && lists.some((hosts) => has(hosts, name, hostMatches)));
  }

  #listsOf(namespace: string): readonly Hosts[] {
    return [namespace, '*'].flatMap((key) => this.#byNamespace.get(key) ?? []);
  }
}

function isExcluded(lists: readonly Hosts[], host: string): boolean {
  return lists.some(({ except }) => except.some((excluded) => hostWithin(host, excluded)));
}

function has({ exact, all }: Hosts, host: string, matches: (host: string, imported: string) => boolean): boolean {
  if (exact.has(host)) return true;
  const wildcard = isWildcardHost(host);
  return all.some((imported) => (wildcard || isWildcardHost(imported)) && matches(host, imported));
}

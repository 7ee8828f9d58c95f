import { endpointKey } from '@isthmus/model';
import type { Diagnostic, Endpoint } from '@isthmus/model';
import type { BuiltEndpoint } from './build-endpoint.ts';
import { duplicate, preferred } from './shared-address.ts';

interface Claim {
  readonly rank: number;
  readonly endpoint: Endpoint;
}

interface Member {
  readonly rank: number;
  readonly built: readonly BuiltEndpoint[];
}

/**
 * The endpoints of one service whose members come and go one by one. It is what `buildRecord` makes of all of them; a change costs what
 * changed, and a copy of the list.
 */
export class EndpointTable {
  readonly #where: string;
  readonly #members = new Map<string, Member>();
  /** By address, in the order of `rank`. Nearly always one. */
  readonly #claims = new Map<string, readonly Claim[]>();
  readonly #shared = new Set<string>();
  /** Members with something wrong. */
  readonly #wrong = new Set<string>();
  /** Addresses in order, and at the same places their endpoints; undefined before the first look, so that many are sorted once. */
  #sorted: { readonly keys: string[]; readonly endpoints: Endpoint[] } | undefined;
  #size = 0;

  /** @param where the service, for messages */
  constructor(where: string) {
    this.#where = where;
  }

  /** Instances, of one address or not. */
  get size(): number {
    return this.#size;
  }

  /**
   * What a member has now; nothing: it is gone.
   *
   * @param rank of two endpoints that differ in nothing that decides, that of the lower rank counts
   */
  put(member: string, rank: number, built: readonly BuiltEndpoint[]): void {
    const before = this.#members.get(member);
    for (const { endpoint } of before?.built ?? []) if (endpoint !== undefined) this.#release(endpoint);
    this.#size += built.length - (before?.built.length ?? 0);
    if (built.length === 0) this.#members.delete(member);
    else this.#members.set(member, { rank, built });
    if (built.some(({ diagnostics }) => diagnostics.length > 0)) this.#wrong.add(member);
    else this.#wrong.delete(member);
    for (const { endpoint } of built) if (endpoint !== undefined) this.#claim({ rank, endpoint });
  }

  /** One for each address, by address. */
  endpoints(): readonly Endpoint[] {
    if (this.#sorted === undefined) {
      const keys = [...this.#claims.keys()].sort();
      this.#sorted = { keys, endpoints: keys.map((key) => chosen(this.#claims.get(key) ?? []) as Endpoint) };
    }
    return this.#sorted.endpoints.slice();
  }

  /** In no order. */
  diagnostics(): readonly Diagnostic[] {
    const ofMembers = [...this.#wrong].flatMap((member) =>
      (this.#members.get(member)?.built ?? []).flatMap(({ diagnostics }) => diagnostics),
    );
    const ofAddresses = [...this.#shared].map((key) =>
      duplicate(
        this.#where,
        (this.#claims.get(key) ?? []).map(({ endpoint }) => endpoint),
      ),
    );
    return [...ofMembers, ...ofAddresses];
  }

  #claim(claim: Claim): void {
    const key = endpointKey(claim.endpoint);
    const others = this.#claims.get(key) ?? [];
    const at = others.findIndex(({ rank }) => rank > claim.rank);
    this.#set(key, others.toSpliced(at === -1 ? others.length : at, 0, claim));
  }

  #release(endpoint: Endpoint): void {
    const key = endpointKey(endpoint);
    this.#set(
      key,
      (this.#claims.get(key) ?? []).filter((claim) => claim.endpoint !== endpoint),
    );
  }

  #set(key: string, claims: readonly Claim[]): void {
    if (claims.length === 0) this.#claims.delete(key);
    else this.#claims.set(key, claims);
    if (claims.length > 1) this.#shared.add(key);
    else this.#shared.delete(key);
    if (this.#sorted === undefined) return;
    const { keys, endpoints } = this.#sorted;
    const at = placeOf(keys, key);
    const known = keys[at] === key ? 1 : 0;
    const endpoint = chosen(claims);
    if (endpoint !== undefined && known === 1) endpoints[at] = endpoint;
    else if (endpoint !== undefined) {
      keys.splice(at, 0, key);
      endpoints.splice(at, 0, endpoint);
    } else {
      keys.splice(at, known);
      endpoints.splice(at, known);
    }
  }
}

function chosen(claims: readonly Claim[]): Endpoint | undefined {
  const [first, ...others] = claims;
  return others.reduce<Endpoint | undefined>(
    (best, { endpoint }) => (best === undefined ? endpoint : preferred(best, endpoint)),
    first?.endpoint,
  );
}

/** Where it is, or belongs. */
function placeOf(keys: readonly string[], key: string): number {
  let [from, to] = [0, keys.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((keys[middle] as string) < key) from = middle + 1;
    else to = middle;
  }
  return from;
}

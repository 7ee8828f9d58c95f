import { addressKey, parseServiceId, scopeId, scopeOf } from '@isthmus/model';
import type { Endpoint, ScopeId, ServiceId, ServiceKey, ServiceRecord } from '@isthmus/model';
import type { EvictionCause } from './judge.ts';
import { ownershipName } from './ownership.ts';
import type { Backing } from './ownership.ts';

/** Why an endpoint is not used although its registry lists it, and since when (ms). */
export interface Eviction {
  readonly cause: EvictionCause;
  readonly pod: string;
  readonly since: number;
  readonly backing: Backing | undefined;
}

/** One endpoint as one service lists it, and what the cross-check made of it. */
export interface Listing {
  readonly service: ServiceId;
  readonly key: ServiceKey;
  readonly scope: ScopeId;
  /** Unique: service id, address and port. */
  readonly id: string;
  endpoint: Endpoint;
  backing: Backing | undefined;
  state: 'kept' | 'held' | 'evicted';
  /** Why it is held or evicted. */
  eviction: Eviction | undefined;
}

export interface ListingChange {
  readonly added: readonly Listing[];
  readonly changed: readonly Listing[];
  readonly removed: readonly Listing[];
}

/** What the registries list, by address and by service. */
export class Listings {
  readonly #ofService = new Map<ServiceId, Map<string, Listing>>();
  readonly #byAddress = new Map<string, Set<Listing>>();
  readonly #byName = new Map<string, Set<ServiceId>>();

  put(service: ServiceId, record: ServiceRecord): ListingChange {
    let known = this.#ofService.get(service);
    if (known === undefined) {
      this.#ofService.set(service, (known = new Map()));
      const name = ownershipName(record.key.name);
      const services = this.#byName.get(name);
      if (services === undefined) this.#byName.set(name, new Set([service]));
      else services.add(service);
    }
    const added: Listing[] = [];
    const changed: Listing[] = [];
    const seen = new Set<string>();
    for (const endpoint of record.endpoints) {
      if (endpoint.addressType !== 'ip') continue; // a name is nobody's Pod
      const key = addressKey(endpoint);
      if (seen.has(key)) continue; // another declared port leads there too
      seen.add(key);
      const listing = known.get(key);
      if (listing === undefined) added.push(this.#add(known, service, record.key, key, endpoint));
      else if (listing.endpoint !== endpoint) {
        // Registered anew: what was known of the registration before says nothing of this one.
        if (listing.endpoint.incarnation !== endpoint.incarnation) listing.backing = undefined;
        listing.endpoint = endpoint;
        changed.push(listing);
      }
    }
    const removed = [...known].filter(([key]) => !seen.has(key)).map(([, listing]) => listing);
    for (const listing of removed) this.#remove(known, listing);
    return { added, changed, removed };
  }

  drop(service: ServiceId): readonly Listing[] {
    const known = this.#ofService.get(service);
    if (known === undefined) return [];
    const removed = [...known.values()];
    for (const listing of removed) this.#remove(known, listing);
    this.#ofService.delete(service);
    const name = ownershipName(parseServiceId(service)?.name ?? '');
    const services = this.#byName.get(name);
    services?.delete(service);
    if (services?.size === 0) this.#byName.delete(name);
    return removed;
  }

  at(address: string): Iterable<Listing> {
    return this.#byAddress.get(address) ?? [];
  }

  of(service: ServiceId): ReadonlyMap<string, Listing> {
    return this.#ofService.get(service) ?? NONE;
  }

  /** Services that a Pod of this name would be an instance of. */
  named(name: string): Iterable<ServiceId> {
    return this.#byName.get(name) ?? [];
  }

  #add(known: Map<string, Listing>, service: ServiceId, key: ServiceKey, endpointId: string, endpoint: Endpoint): Listing {
    const id = `${service} ${endpointId}`;
    const scope = scopeId(scopeOf(key));
    const listing: Listing = { service, key, scope, id, endpoint, backing: undefined, state: 'kept', eviction: undefined };
    known.set(endpointId, listing);
    const there = this.#byAddress.get(endpoint.address);
    if (there === undefined) this.#byAddress.set(endpoint.address, new Set([listing]));
    else there.add(listing);
    return listing;
  }

  #remove(known: Map<string, Listing>, listing: Listing): void {
    known.delete(addressKey(listing.endpoint));
    const there = this.#byAddress.get(listing.endpoint.address);
    there?.delete(listing);
    if (there?.size === 0) this.#byAddress.delete(listing.endpoint.address);
  }
}

const NONE: ReadonlyMap<string, Listing> = new Map();

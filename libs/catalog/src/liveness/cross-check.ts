import { addressKey, endpointKey, parseServiceId } from '@isthmus/model';
import type { ServiceId, ServiceKey, ServiceRecord, SourceId, SourceStatus, WorkloadEvent } from '@isthmus/model';
import type { RecordOverlay } from '../record-overlay.ts';
import { AddressRanges } from './address-ranges.ts';
import { Admitter } from './admitter.ts';
import type { CrossCheckOptions } from './cross-check-options.ts';
import { EvictionGuard } from './eviction-guard.ts';
import { judge } from './judge.ts';
import type { Verdict } from './judge.ts';
import { Listings } from './listings.ts';
import type { Eviction, Listing } from './listings.ts';
import { ownershipName } from './ownership.ts';
import { WorkloadIndex, nothingTouched } from './workload-index.ts';
import type { Touched } from './workload-index.ts';

const STEP = 500; // listings judged between two chances for the event loop

/**
 * What registries list against what runs in one cluster (architecture, rule 4). The work of a Pod's event is that of the
 * services that list its addresses; only when the view becomes live again everything is judged anew.
 *
 * While the view is not live nothing is evicted, admitted, taken back or confirmed: what it knew last stays.
 */
export class CrossCheck implements RecordOverlay {
  readonly source: SourceId;
  readonly #options: CrossCheckOptions;
  readonly #workloads: WorkloadIndex;
  readonly #listings = new Listings();
  readonly #records = new Map<ServiceId, ServiceRecord>();
  readonly #admitter: Admitter;
  readonly #guard: EvictionGuard;
  readonly #ranges: AddressRanges;
  readonly #evicted = new Map<ServiceId, Set<string>>();
  #status: SourceStatus = { state: 'syncing' };
  #dirty = new Set<ServiceId>();

  constructor(options: CrossCheckOptions) {
    this.source = options.source;
    this.#options = options;
    this.#workloads = new WorkloadIndex(options.ownership);
    this.#admitter = new Admitter({
      rules: options.admit,
      ownership: options.ownership,
      workloads: this.#workloads,
      listings: this.#listings,
      recordOf: (id) => this.#records.get(id),
    });
    this.#guard = new EvictionGuard(options.guard, options.clock, (listing) => this.#evict(listing));
    this.#ranges = new AddressRanges(options.podCidrs);
  }

  get status(): SourceStatus {
    return this.#status;
  }

  /** The Pods are known: all of them, or (`partial`) all of some namespaces, where an address without one proves nothing. */
  get isKnown(): boolean {
    return this.#status.state === 'live' || this.#status.state === 'partial';
  }

  get workloads(): number {
    return this.#workloads.size;
  }

  get admitted(): number {
    return this.#admitter.size;
  }

  get guard(): Pick<EvictionGuard, 'held' | 'nextConfirmation'> {
    return this.#guard;
  }

  put(id: ServiceId, record: ServiceRecord, dirty: Set<ServiceId>): void {
    if (!this.#options.matches(record.key)) return;
    this.#records.set(id, record);
    const { added, changed, removed } = this.#listings.put(id, record);
    for (const listing of removed) this.#forget(listing);
    for (const listing of added) this.#welcome(listing);
    this.#within(dirty, () => {
      for (const listing of [...added, ...changed]) this.#judge(listing);
      if (this.isKnown) this.#admitter.listingChanged(record, [...removed, ...added], dirty);
    });
  }

  drop(id: ServiceId, dirty: Set<ServiceId>): void {
    if (!this.#records.delete(id)) return;
    for (const listing of this.#listings.drop(id)) this.#forget(listing);
    this.#admitter.drop(id);
    this.#within(dirty, () => undefined);
  }

  view(id: ServiceId, record: ServiceRecord): ServiceRecord {
    const evicted = this.#evicted.get(id);
    const admitted = [...this.#admitter.of(id)];
    if (admitted.length === 0 && evicted === undefined) return record;
    const endpoints = record.endpoints.map((endpoint) =>
      evicted?.has(addressKey(endpoint)) === true ? ({ ...endpoint, health: 'evicted' } as const) : endpoint,
    );
    if (admitted.length > 0) {
      endpoints.push(...admitted);
      endpoints.sort((a, b) => (endpointKey(a) < endpointKey(b) ? -1 : 1));
    }
    return { ...record, endpoints };
  }

  /** Takes what the cluster said, in steps; services whose view changed are added to `dirty`. */
  *applySteps(event: WorkloadEvent, dirty: Set<ServiceId>): Generator<void> {
    this.#dirty = dirty;
    const touched = nothingTouched();
    switch (event.kind) {
      case 'snapshot':
        yield* this.#workloads.replace(event.workloads, touched);
        break;
      case 'upsert':
        this.#workloads.put(event.workload, touched);
        break;
      case 'remove':
        this.#workloads.remove(event.id, touched);
        break;
      case 'status': {
        const before = this.#status;
        this.#status = event.status;
        if (this.isKnown && before.state !== event.status.state) yield* this.#judgeAll(dirty);
        return;
      }
      default:
        event satisfies never;
    }
    if (this.isKnown) yield* this.#judgeTouched(touched, dirty);
  }

  /** Whether its address is the cluster's business, so that nobody else has to check it. */
  covers(address: string): boolean {
    return this.#ranges.has(address) || this.#workloads.at(address).length > 0;
  }

  /** Whether it is this cluster that says who lives. */
  isFor(key: ServiceKey): boolean {
    return this.#options.matches(key);
  }

  /** What becomes of an endpoint that may not be listed (any more); `unknown` while the view is not live. */
  verdictOf(of: Pick<Listing, 'key' | 'endpoint' | 'backing'>): 'keep' | 'evict' | 'unknown' {
    return this.isKnown ? this.#verdictOf(of).kind : 'unknown';
  }

  /** Every listing that is evicted or about to be, for views and corrections. */
  *evictions(): Generator<Listing> {
    const services = new Set([...this.#evicted.keys(), ...this.#guard.held().flatMap((held) => held.services)]);
    for (const id of services) yield* this.evictionsOf(id);
  }

  *evictionsOf(id: ServiceId): Generator<Listing> {
    for (const listing of this.#listings.of(id).values()) if (listing.state !== 'kept') yield listing;
  }

  /** An operator lets held evictions through. @returns how many; undefined when nothing is held there */
  release(scope: string, dirty: Set<ServiceId>): number | undefined {
    this.#dirty = dirty;
    return this.#guard.release(scope);
  }

  confirmDue(dirty: Set<ServiceId>): void {
    this.#dirty = dirty;
    if (this.isKnown) this.#guard.confirmDue(() => true);
  }

  *#judgeAll(dirty: Set<ServiceId>): Generator<void> {
    this.#guard.restartWaiting();
    let seen = 0;
    for (const [id, record] of [...this.#records]) {
      this.#within(
        dirty,
        () => {
          for (const listing of this.#listings.of(id).values()) this.#judge(listing);
          this.#admitter.listingChanged(record, [...this.#listings.of(id).values()], dirty);
        },
        false,
      );
      seen += 1;
      if (seen % STEP === 0) yield;
    }
    this.#within(dirty, () => undefined);
    this.#forgetUnlisted();
  }

  /** Evictions of an earlier process whose endpoints are listed no more. */
  #forgetUnlisted(): void {
    const { ledger, matches } = this.#options;
    for (const id of [...ledger.entries('evicted').keys()]) {
      const at = id.indexOf(' ');
      const service = id.slice(0, at) as ServiceId;
      const key = parseServiceId(service);
      if (key !== undefined && matches(key) && !this.#listings.of(service).has(id.slice(at + 1))) ledger.delete('evicted', id);
    }
  }

  *#judgeTouched(touched: Touched, dirty: Set<ServiceId>): Generator<void> {
    let seen = 0;
    const listings = new Set<Listing>();
    for (const address of touched.addresses) for (const listing of this.#listings.at(address)) listings.add(listing);
    for (const name of touched.names) {
      for (const id of this.#listings.named(name)) for (const listing of this.#listings.of(id).values()) listings.add(listing);
    }
    for (const listing of listings) {
      this.#within(dirty, () => this.#judge(listing), false);
      seen += 1;
      if (seen % STEP === 0) yield;
    }
    for (const pod of touched.workloads) this.#admitter.workloadChanged(pod, dirty);
    this.#within(dirty, () => undefined);
  }

  /** Runs a change and, unless more of it follows, lets the guard decide. */
  #within(dirty: Set<ServiceId>, change: () => void, settle = true): void {
    this.#dirty = dirty; // another event may have come in between two steps
    change();
    if (settle) this.#guard.settle();
  }

  #welcome(listing: Listing): void {
    this.#guard.listed(listing, 1);
    const known = this.#options.ledger.get('evicted', listing.id) as Eviction | undefined;
    if (known === undefined) return;
    listing.eviction = known;
    listing.backing = known.backing;
    this.#guard.restored(listing);
    this.#mark(listing);
  }

  #forget(listing: Listing): void {
    this.#guard.listed(listing, -1);
    this.#clear(listing);
  }

  #clear(listing: Listing): void {
    listing.eviction = undefined;
    this.#mark(listing);
    this.#options.ledger.delete('evicted', listing.id);
  }

  #mark(listing: Listing): void {
    const keys = this.#evicted.get(listing.service) ?? new Set();
    if (listing.state === 'evicted') keys.add(addressKey(listing.endpoint));
    else keys.delete(addressKey(listing.endpoint));
    if (keys.size === 0) this.#evicted.delete(listing.service);
    else this.#evicted.set(listing.service, keys);
  }

  #judge(listing: Listing): void {
    if (!this.isKnown) return;
    const verdict = this.#verdictOf(listing);
    listing.backing = verdict.backing;
    if (verdict.kind === 'keep') {
      if (listing.state === 'kept') return;
      if (listing.state === 'evicted') this.#dirty.add(listing.service);
      this.#guard.forget(listing);
      this.#clear(listing);
      return;
    }
    const { cause, pod } = verdict;
    if (listing.eviction?.cause === cause && listing.eviction.pod === pod) return;
    listing.eviction = { cause, pod, since: this.#options.clock.now(), backing: verdict.backing };
    if (listing.state === 'kept') this.#guard.want(listing);
    else if (listing.state === 'evicted') this.#options.ledger.put('evicted', listing.id, listing.eviction);
  }

  #verdictOf({ key, endpoint, backing }: Pick<Listing, 'key' | 'endpoint' | 'backing'>): Verdict {
    const evidence = {
      key,
      endpoint,
      backing,
      at: this.#workloads.at(endpoint.address),
      inRange: this.#status.state === 'live' && this.#ranges.has(endpoint.address),
      named: this.#workloads.isNamed(ownershipName(key.name)),
    };
    return judge(evidence, this.#options.ownership);
  }

  #evict(listing: Listing): void {
    this.#mark(listing);
    this.#options.ledger.put('evicted', listing.id, listing.eviction);
    this.#dirty.add(listing.service);
  }
}

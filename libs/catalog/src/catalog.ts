import { endpointKey, scopeOf, serviceId } from '@isthmus/model';
import type {
  Clock,
  Endpoint,
  Ledger,
  MeshHost,
  MeshService,
  ServiceId,
  ServiceRecord,
  SourceEvent,
  SourceId,
} from '@isthmus/model';
import { FlapDamper } from './flap-damper.ts';
import { HostIndex } from './host-index.ts';
import { compare, publishedRecord, sameContent } from './known-record.ts';
import { compileRules } from './merge-rules.ts';
import type { CompiledRules, MergeRules } from './merge-rules.ts';
import { mergeService } from './merge-service.ts';
import type { RecordOverlay } from './record-overlay.ts';
import { STEP, isMassLoss, isMassRead, removalBetween } from './removal-guard.ts';
import type { GuardOptions } from './removal-guard.ts';
import { NOTHING_RETAINED } from './scope-state.ts';
import type { KnownRecord, Retained, ScopeState } from './scope-state.ts';
import { ScopeTable } from './scope-table.ts';
import { Tombstones } from './tombstones.ts';
import { Vips } from './vip.ts';
import { WatchedTime } from './watched-time.ts';

export interface CatalogOptions {
  readonly rules: MergeRules;
  readonly guard: GuardOptions;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Allocate addresses for services (needed where an output is MCP or Kubernetes). */
  readonly allocateVips: boolean;
  /** What is known of services beside what their registries say. */
  readonly overlay?: RecordOverlay;
}

/** How a complete read is taken. Undefined: a change of one service, judged alone. */
type Verdict = { readonly isMass: boolean; readonly mayGo: (retained: Retained) => boolean } | undefined;

/**
 * What every registry said, per key, and which hosts a change makes dirty. The work of a change is that of its keys:
 * nothing here walks all services except `restore` and a complete read of their scope.
 *
 * What a registry no longer lists goes at once, unless it goes with too many others or comes and goes all the time: then it
 * is retained for a while (docs/adr/0011-deletion-safety.md). What it lists comes at once.
 */
export class Catalog {
  readonly #scopes: ScopeTable;
  readonly #hosts: HostIndex;
  readonly #rules: CompiledRules;
  readonly #guard: GuardOptions;
  readonly #clock: Clock;
  readonly #watched: WatchedTime;
  readonly #flaps: FlapDamper;
  readonly #tombstones: Tombstones;
  readonly #vips: Vips;
  readonly #overlay: RecordOverlay | undefined;

  constructor(options: CatalogOptions) {
    this.#rules = compileRules(options.rules);
    this.#guard = options.guard;
    this.#clock = options.clock;
    this.#watched = new WatchedTime(options.clock);
    this.#scopes = new ScopeTable(options.ledger, options.clock, options.guard.windowMs);
    this.#flaps = new FlapDamper(options.guard.flap);
    this.#tombstones = new Tombstones(options.ledger, options.guard.tombstoneTtlMs);
    this.#vips = new Vips(options.ledger, this.#rules, options.allocateVips);
    this.#hosts = new HostIndex(this.#rules);
    this.#overlay = options.overlay;
  }

  /** Last known good from the ledger, stale until its registry speaks. `isOurs` drops the sources that left the config. */
  restore(isOurs: (source: SourceId) => boolean): ReadonlySet<MeshHost> {
    const dirty = new Set<MeshHost>();
    for (const { record } of this.#scopes.restore(isOurs, this.#watched.now())) this.#index(serviceId(record.key), record, dirty);
    return dirty;
  }

  /** Takes what a registry said; returns the hosts that have to be merged again. */
  apply(event: SourceEvent): ReadonlySet<MeshHost> {
    const dirty = new Set<MeshHost>();
    for (const _ of this.applySteps(event, dirty));
    return dirty;
  }

  /**
   * `apply` in steps of about a millisecond: a complete read of 10,000 services must not hold the event loop. Events of
   * one source have to be finished one after the other; other sources may go on in between.
   */
  *applySteps(event: SourceEvent, dirty: Set<MeshHost>): Generator<void> {
    switch (event.kind) {
      case 'snapshot':
        yield* this.#applySnapshot(this.#scopes.of(event.scope), event.services, dirty);
        break;
      case 'upsert':
        this.#applyOne(this.#scopes.of(scopeOf(event.service.key)), serviceId(event.service.key), event.service, dirty);
        break;
      case 'remove':
        this.#applyOne(this.#scopes.of(scopeOf(event.key)), serviceId(event.key), undefined, dirty);
        break;
      case 'status':
        this.#scopes.setStatus(this.#scopes.of(event.scope), event.status, this.#watched.now());
        break;
      case 'diagnostics':
        this.#scopes.of(event.scope).diagnostics = event.diagnostics;
        break;
      default:
        event satisfies never;
    }
  }

  /** Lets go what waited for long enough. Call it every second or so while something `waits`: only watched time counts. */
  confirmDue(): ReadonlySet<MeshHost> {
    const dirty = new Set<MeshHost>();
    for (const _ of this.confirmSteps(dirty));
    return dirty;
  }

  /** `confirmDue` in steps of about a millisecond. */
  *confirmSteps(dirty: Set<MeshHost>): Generator<void> {
    const watched = this.#watched.now();
    for (const scope of this.#scopes.all()) {
      if (scope.waiting.size === 0) continue;
      // A source that follows its registry live is a second complete read all the time.
      const isLive = scope.status.state === 'live';
      yield* this.#letGo(scope, dirty, (r) => (r.why === 'flap' || isLive) && this.#remaining(scope, r, watched) <= 0);
    }
  }

  /** Whether anything may become due. */
  get waits(): boolean {
    return this.#scopes.waiting > 0;
  }

  /** An operator lets a held removal through. Undefined when nothing is held there; else the endpoints that went. */
  release(id: string): { readonly released: number; readonly dirty: ReadonlySet<MeshHost> } | undefined {
    const scope = this.#scopes.byId(id);
    if (scope?.held === undefined) return undefined;
    const dirty = new Set<MeshHost>();
    const released = scope.held.removing;
    for (const _ of this.#letGo(scope, dirty, ({ why }) => why === 'mass'));
    return { released, dirty };
  }

  /** The merge of everything known under a host. */
  merged(host: MeshHost): MeshService | undefined {
    const records = this.recordsOf(host).flatMap(({ record }) => {
      const view = this.#overlay === undefined ? record : this.#overlay.view(serviceId(record.key), record);
      return view ?? [];
    });
    return mergeService(host, records, this.#rules, (members) => this.#vips.addressOf(host, members));
  }

  hosts(): Iterable<MeshHost> {
    return this.#hosts.hosts();
  }

  recordsOf(host: MeshHost): readonly KnownRecord[] {
    return this.#hosts.idsOf(host).flatMap((id) => this.recordOf(id) ?? []);
  }

  /** The hosts to merge again when the overlay's view of these services changed. */
  hostsOf(ids: Iterable<ServiceId>): ReadonlySet<MeshHost> {
    return new Set([...ids].flatMap((id) => this.#hosts.hostOf(id) ?? []));
  }

  recordOf(id: ServiceId): KnownRecord | undefined {
    return this.#scopes.recordOf(id);
  }

  scopes(): Iterable<ScopeState> {
    return this.#scopes.all();
  }

  scopeById(id: string): ScopeState | undefined {
    return this.#scopes.byId(id);
  }

  /** The time that all ages in here are of, ms since the epoch. */
  now(): number {
    return this.#clock.now();
  }

  /** How long a retained endpoint stays at most from now on while its source is well, ms. */
  goesIn(scope: ScopeState, retained: Retained): number {
    return Math.max(0, this.#remaining(scope, retained, this.#watched.now()));
  }

  get tombstones(): number {
    return this.#tombstones.size;
  }

  get guard(): GuardOptions {
    return this.#guard;
  }

  get rules(): CompiledRules {
    return this.#rules;
  }

  #applyOne(scope: ScopeState, id: ServiceId, said: ServiceRecord | undefined, dirty: Set<MeshHost>): void {
    if (this.#take(scope, id, said, dirty, undefined)) this.#scopes.sayHeld(scope);
    if (scope.status.state === 'live') this.#scopes.confirmAge(scope);
  }

  *#applySnapshot(scope: ScopeState, services: ReadonlyMap<ServiceId, ServiceRecord>, dirty: Set<MeshHost>): Generator<void> {
    const watched = this.#watched.now();
    const isDue = (retained: Retained) => retained.why === 'mass' && this.#remaining(scope, retained, watched) <= 0;
    const removal = yield* removalBetween(scope.records, services, isDue);
    // Once some are known to be gone the rest is measured from here.
    if (removal.confirmed > 0) scope.highWater.reset();
    const most = scope.highWater.note(this.#clock.now(), removal.of);
    const isMass = isMassRead(removal, most, this.#guard);
    const verdict: Verdict = { isMass, mayGo: (retained) => retained.why === 'mass' && (!isMass || isDue(retained)) };
    let seen = 0;
    // What is new comes in at once; what would go may have to wait.
    for (const [id, record] of services) {
      this.#take(scope, id, record, dirty, verdict);
      seen += 1;
      if (seen % STEP === 0) yield;
    }
    for (const id of [...scope.records.keys()]) if (!services.has(id)) this.#take(scope, id, undefined, dirty, verdict);
    this.#scopes.sayHeld(scope);
    const now = this.#clock.now();
    if (services.size === 0) scope.emptySince ??= now;
    scope.lastSync = now; // not before: whoever waits for a complete read would go on with half of it
    this.#scopes.confirmAge(scope);
  }

  /** What the registry says of one service now. True when something changed. */
  #take(scope: ScopeState, id: ServiceId, said: ServiceRecord | undefined, dirty: Set<MeshHost>, verdict: Verdict): boolean {
    const before = scope.records.get(id);
    const waits = before !== undefined && before.retained.size + before.refused.length > 0;
    if (sameContent(before?.said, said) && !(waits && verdict !== undefined)) {
      if (before?.restored === true) this.#scopes.put(scope, id, { ...before, restored: false }, false);
      return false;
    }
    const now = this.#clock.now();
    const sifted = this.#tombstones.sift(id, said?.endpoints ?? [], now);
    const { lost, missing, added } = compare(before, sifted.listed);
    const retained = new Map(missing);
    if (verdict !== undefined) for (const [key, value] of missing) if (verdict.mayGo(value)) retained.delete(key);
    const isMass = verdict?.isMass ?? this.#isMass(scope, lost.length, added, now);
    for (const endpoint of lost) this.#lose(id, endpoint, isMass, now, retained);
    const changedAt = sameContent(before?.said, said) ? (before?.changedAt ?? now) : now;
    const record = publishedRecord(before?.record, said, sifted, retained);
    if (record === undefined) this.#drop(scope, id, dirty);
    else {
      const known = { record, said, changedAt, restored: false, retained, refused: sifted.refused };
      this.#publish(scope, id, known, before, dirty);
    }
    return true;
  }

  #isMass(scope: ScopeState, lost: number, added: number, now: number): boolean {
    if (lost === 0) return false;
    const most = scope.highWater.note(now, scope.size);
    return isMassLoss(scope.size - lost + added, most, this.#guard);
  }

  #lose(id: ServiceId, endpoint: Endpoint, isMass: boolean, now: number, retained: Map<string, Retained>): void {
    const key = endpointKey(endpoint);
    const wait = { endpoint, since: now, from: this.#watched.now() };
    // The registry itself is doubted: neither a flap nor the end of a registration.
    if (isMass) return void retained.set(key, { ...wait, why: 'mass', forMs: this.#guard.confirmAfterMs });
    this.#tombstones.bury(id, endpoint, now);
    const forMs = this.#flaps.gone(`${id} ${key}`, now);
    if (forMs > 0) retained.set(key, { ...wait, why: 'flap', forMs });
  }

  /** Drops the retained endpoints that may go, and lets refused ones in whose tombstone is too old. */
  *#letGo(scope: ScopeState, dirty: Set<MeshHost>, may: (retained: Retained) => boolean): Generator<void> {
    const { mass } = scope.retained;
    let seen = 0;
    for (const id of [...scope.waiting]) {
      seen += 1;
      if (seen % STEP === 0) yield;
      const before = scope.records.get(id);
      if (before === undefined) continue;
      const retained = new Map([...before.retained].filter(([, value]) => !may(value)));
      const sifted = this.#tombstones.sift(id, before.said?.endpoints ?? [], this.#clock.now());
      if (retained.size === before.retained.size && sifted.refused.length === before.refused.length) continue;
      const record = publishedRecord(before.record, before.said, sifted, retained);
      if (record === undefined) this.#drop(scope, id, dirty);
      else this.#publish(scope, id, { ...before, record, refused: sifted.refused, retained }, before, dirty);
    }
    if (scope.retained.mass < mass) scope.highWater.reset(); // they are known to be gone: measure from here
    this.#scopes.sayHeld(scope);
  }

  #publish(scope: ScopeState, id: ServiceId, known: KnownRecord, before: KnownRecord | undefined, dirty: Set<MeshHost>): void {
    const changed = !sameContent(before?.record, known.record);
    // Nearly always nothing is retained, and one empty map is enough for all.
    this.#scopes.put(scope, id, known.retained.size === 0 ? { ...known, retained: NOTHING_RETAINED } : known, changed);
    if (changed) this.#index(id, known.record, dirty);
  }

  #index(id: ServiceId, record: ServiceRecord, dirty: Set<MeshHost>): void {
    this.#hosts.put(id, record, dirty);
    this.#vips.put(id, record, this.#rules.hostOf(record).host, dirty);
    this.#tellOverlay((others) => this.#overlay?.put(id, record, others), dirty);
  }

  #tellOverlay(tell: (others: Set<ServiceId>) => void, dirty: Set<MeshHost>): void {
    if (this.#overlay === undefined) return;
    const others = new Set<ServiceId>();
    tell(others);
    for (const host of this.hostsOf(others)) dirty.add(host);
  }

  #drop(scope: ScopeState, id: ServiceId, dirty: Set<MeshHost>): void {
    if (!scope.records.has(id)) return;
    this.#scopes.drop(scope, id);
    this.#hosts.remove(id, dirty);
    this.#vips.remove(id, dirty);
    this.#tellOverlay((others) => this.#overlay?.drop(id, others), dirty);
  }

  #remaining(scope: ScopeState, { why, from, forMs }: Retained, watched: number): number {
    return forMs - (watched - (why === 'mass' ? Math.max(from, scope.watchedFrom) : from));
  }
}

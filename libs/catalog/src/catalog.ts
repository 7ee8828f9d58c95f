import { atOnce, serviceId } from '@isthmus/model';
import type { Clock, Ledger, MeshHost, MeshService, ServiceId, SourceEvent, SourceId } from '@isthmus/model';
import { HostIndex } from './host-index.ts';
import { letGoService } from './let-go.ts';
import { compileRules } from './merge-rules.ts';
import type { CompiledRules, MergeRules } from './merge-rules.ts';
import { mergeService } from './merge-service.ts';
import type { PendingVips } from './pending-vips.ts';
import { PublishedRecords } from './published-records.ts';
import type { Changes } from './publish-record.ts';
import type { RecordOverlay } from './record-overlay.ts';
import type { GuardOptions } from './removal-guard.ts';
import { isHeld } from './scope-state.ts';
import type { KnownRecord, Retained, ScopeState } from './scope-state.ts';
import { Vips } from './vip.ts';
import { throwOn } from './waiting-removals.ts';
import type { LookFailed } from './waiting-removals.ts';

export interface CatalogOptions {
  readonly rules: MergeRules;
  readonly guard: GuardOptions;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Allocate addresses for services (needed where an output is MCP or Kubernetes). */
  readonly allocateVips: boolean;
  /** What is known of services beside what their registries say. */
  readonly overlay?: RecordOverlay;
  /** How long what a registry takes away one by one waits after the registry itself was away, ms. Default: not at all. */
  readonly restartGrace?: (source: SourceId) => number;
  /** Whether a mass of instances that it calls unhealthy at once may be its own fault (`guard.holdUnhealthy`). Default: it may. */
  readonly mayMistakeHealth?: (source: SourceId) => boolean;
  /** The one of the config before this one, which is used no more. How often instances came and went is known on. */
  readonly before?: Catalog | undefined;
}

/**
 * What every registry said, per key, and which hosts a change makes dirty. The work of a change is that of its keys:
 * nothing here walks all services except `restore` and a complete read of their scope.
 */
export class Catalog {
  readonly #records: PublishedRecords;
  readonly #hosts: HostIndex;
  readonly #rules: CompiledRules;
  readonly #guard: GuardOptions;
  readonly #clock: Clock;
  readonly #vips: Vips;
  readonly #overlay: RecordOverlay | undefined;
  /** Services of which the leader of the replicas let something go, and which were not looked at since. */
  #letGo = new Set<ServiceId>();

  constructor(options: CatalogOptions) {
    const { before } = options;
    this.#rules = compileRules(options.rules);
    this.#guard = options.guard;
    this.#clock = options.clock;
    this.#records = new PublishedRecords(options, before === undefined ? undefined : before.#records);
    this.#vips = new Vips(options.ledger, this.#rules, options.allocateVips, options.clock);
    this.#hosts = new HostIndex(this.#rules);
    this.#overlay = options.overlay;
  }

  /** Last known good from the ledger, stale until its registry speaks. `isOurs` drops the sources that left the config. */
  restore(isOurs: (source: SourceId) => boolean): ReadonlySet<MeshHost> {
    const dirty = new Set<MeshHost>();
    const changes = this.#changes(dirty);
    for (const { record } of this.#records.restore(isOurs)) changes.put(serviceId(record.key), record);
    // A process that ended before its own file had it: it must not be published again, nor decided again.
    atOnce(this.#records.waiting.letGoNamed(this.#records.scopes.waitingServices(), changes));
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
  applySteps(event: SourceEvent, dirty: Set<MeshHost>): Generator<void> {
    return this.#records.applySteps(event, this.#changes(dirty));
  }

  /** Lets go what waited for long enough. Call it every second or so while something `waits`: only watched time counts. */
  confirmDue(): ReadonlySet<MeshHost> {
    const dirty = new Set<MeshHost>();
    for (const _ of this.confirmSteps(dirty));
    return dirty;
  }

  /**
   * `confirmDue` in steps of about a millisecond; first what the leader of the replicas let go.
   * @param failed told of a bug at one service or scope, which stays as it is; default: thrown, and the others wait
   */
  *confirmSteps(dirty: Set<MeshHost>, failed: LookFailed = throwOn): Generator<void> {
    const changes = this.#changes(dirty);
    const named = [...this.#letGo];
    this.#letGo = new Set();
    yield* this.#records.waiting.letGoNamed(named, changes, (where, error) => {
      this.#letGo.add(where as ServiceId); // for the next look
      failed(where, error);
    });
    yield* this.#records.waiting.confirmSteps(changes, failed);
  }

  /** Whether anything may become due. */
  get waits(): boolean {
    return this.#records.scopes.waiting > 0;
  }

  /**
   * An operator lets a held removal through. Undefined when nothing is held there; else the endpoints that go: at once, or where
   * replicas share the ledger when that is written.
   */
  release(id: string): { readonly released: number; readonly dirty: ReadonlySet<MeshHost> } | undefined {
    const scope = this.#records.scopes.byId(id);
    if (scope?.held === undefined) return undefined;
    const dirty = new Set<MeshHost>();
    const steps = this.#records.waiting.releaseSteps(scope, this.#changes(dirty));
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    return { released: step.value, dirty };
  }

  /** What the leader of the replicas decided; returns the hosts that have to be merged again. What it let go goes with `confirmSteps`. */
  ledgerChanged(
    changes: Iterable<{ readonly table: string; readonly key: string; readonly value: unknown }>,
  ): ReadonlySet<MeshHost> {
    const dirty = new Set<MeshHost>();
    for (const { table, key, value } of changes) {
      if (table === 'vip') this.#vips.changed(key as MeshHost, value as string | undefined, dirty);
      const id = table === 'held' && value !== undefined ? letGoService(key) : undefined;
      if (id !== undefined) this.#letGo.add(id);
    }
    return dirty;
  }

  /** Whether the leader of the replicas let something go that is still here: `confirmSteps` is to be called at once. */
  get isLetGo(): boolean {
    return this.#letGo.size > 0;
  }

  /** On the leader of the replicas: addresses for hosts that only others see. */
  promiseVips(hosts: Iterable<MeshHost>): void {
    for (const host of hosts) this.#vips.promise(host);
  }

  /** Hosts that wait for the leader of the replicas to give them an address. */
  get pendingVips(): PendingVips | undefined {
    return this.#vips.pending;
  }

  /** The merge of everything known under a host. */
  merged(host: MeshHost): MeshService | undefined {
    const records = this.recordsOf(host).flatMap(({ record }) => {
      const view = this.#overlay === undefined ? record : this.#overlay.view(serviceId(record.key), record);
      return view ?? [];
    });
    if (records.length === 0) this.#vips.pending?.drop(host);
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
    return this.#records.scopes.recordOf(id);
  }

  scopes(): Iterable<ScopeState> {
    return this.#records.scopes.all();
  }

  scopeById(id: string): ScopeState | undefined {
    return this.#records.scopes.byId(id);
  }

  /** The time that all ages in here are of, ms since the epoch. */
  now(): number {
    return this.#clock.now();
  }

  /** How long a retained endpoint stays at most from now on while its source is well, ms. */
  goesIn(scope: ScopeState, retained: Retained): number {
    return this.#records.waiting.goesIn(scope, retained);
  }

  /** How long what is held in a scope stays at least, ms. */
  heldFor(scope: ScopeState): number {
    let least = Number.POSITIVE_INFINITY;
    for (const id of scope.waiting)
      for (const retained of scope.records.get(id)?.retained.values() ?? [])
        if (isHeld(retained)) least = Math.min(least, this.goesIn(scope, retained));
    return Number.isFinite(least) ? least : this.#guard.confirmAfterMs;
  }

  /** Hosts that declare an address which another host has (`vip.conflict`), and the service that has it. */
  hostsWithoutTheirAddress(): ReadonlyMap<MeshHost, ServiceId> {
    return this.#vips.losers();
  }

  get tombstones(): number {
    return this.#records.tombstones.size;
  }

  get guard(): GuardOptions {
    return this.#guard;
  }

  get rules(): CompiledRules {
    return this.#rules;
  }

  #changes(dirty: Set<MeshHost>): Changes {
    return {
      put: (id, record) => {
        this.#hosts.put(id, record, dirty);
        this.#vips.put(id, record, this.#rules.hostOf(record).host, dirty);
        this.#tellOverlay((others) => this.#overlay?.put(id, record, others), dirty);
      },
      drop: (id) => {
        this.#hosts.remove(id, dirty);
        this.#vips.remove(id, dirty);
        this.#tellOverlay((others) => this.#overlay?.drop(id, others), dirty);
      },
    };
  }

  #tellOverlay(tell: (others: Set<ServiceId>) => void, dirty: Set<MeshHost>): void {
    if (this.#overlay === undefined) return;
    const others = new Set<ServiceId>();
    tell(others);
    for (const host of this.hostsOf(others)) dirty.add(host);
  }
}

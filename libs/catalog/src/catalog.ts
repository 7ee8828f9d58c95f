import { scopeId, scopeOf, serviceId } from '@isthmus/model';
import type {
  Clock,
  HeldRemoval,
  Ledger,
  MeshHost,
  MeshService,
  Scope,
  ScopeId,
  ServiceId,
  ServiceRecord,
  SourceEvent,
} from '@isthmus/model';
import { HostIndex } from './host-index.ts';
import { compileRules } from './merge-rules.ts';
import type { CompiledRules, MergeRules } from './merge-rules.ts';
import { mergeService } from './merge-service.ts';
import { STEP, isConfirmed, isMassRemoval, removalBetween } from './removal-guard.ts';
import type { GuardOptions } from './removal-guard.ts';
import type { KnownRecord, ScopeState } from './scope-state.ts';
import { VipPool } from './vip.ts';

export interface CatalogOptions {
  readonly rules: MergeRules;
  readonly guard: GuardOptions;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Allocate addresses for services (needed where an output is MCP or Kubernetes). */
  readonly allocateVips: boolean;
}

/**
 * What every registry said, per key, and which hosts a change makes dirty. The work of a change is that of its keys:
 * nothing here walks all services except `restore` and a complete read of their scope.
 */
export class Catalog {
  readonly #scopes = new Map<ScopeId, ScopeState>();
  readonly #hosts: HostIndex;
  readonly #rules: CompiledRules;
  readonly #guard: GuardOptions;
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #vips: VipPool | undefined;

  constructor(options: CatalogOptions) {
    this.#rules = compileRules(options.rules);
    this.#guard = options.guard;
    this.#ledger = options.ledger;
    this.#clock = options.clock;
    this.#vips = options.allocateVips ? new VipPool(options.ledger) : undefined;
    this.#hosts = new HostIndex(this.#rules);
  }

  /** Last known good from the ledger, stale until its registry speaks. `isOurs` drops what left the config. */
  restore(isOurs: (record: ServiceRecord) => boolean): ReadonlySet<MeshHost> {
    const dirty = new Set<MeshHost>();
    const now = this.#clock.now();
    // What was held is known only to the process that held it; the first complete read holds it again.
    for (const id of [...this.#ledger.entries('held').keys()]) this.#ledger.delete('held', id);
    for (const [id, value] of [...this.#ledger.entries('record')]) {
      const record = value as ServiceRecord;
      if (!isOurs(record)) {
        this.#ledger.delete('record', id);
        continue;
      }
      const scope = this.#scope(scopeOf(record.key));
      if (scope.status.state === 'syncing') {
        scope.status = { state: 'stale', since: now, cause: 'not read since this bridge started; this is what it knew before' };
      }
      scope.records.set(id as ServiceId, { record, changedAt: now, restored: true });
      this.#hosts.put(id as ServiceId, record, dirty);
    }
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
        yield* this.#applySnapshot(this.#scope(event.scope), event.services, dirty);
        break;
      case 'upsert':
        this.#put(this.#scope(scopeOf(event.service.key)), serviceId(event.service.key), event.service, dirty);
        break;
      case 'remove':
        this.#drop(this.#scope(scopeOf(event.key)), serviceId(event.key), dirty);
        break;
      case 'status':
        this.#setStatus(this.#scope(event.scope), event.status);
        break;
      case 'diagnostics':
        this.#scope(event.scope).diagnostics = event.diagnostics;
        break;
      default:
        event satisfies never;
    }
  }

  /** Lets held removals through that have been true for long enough. Call it when the next one is due. */
  confirmDue(): ReadonlySet<MeshHost> {
    const dirty = new Set<MeshHost>();
    for (const scope of this.#scopes.values()) {
      // A source that follows its registry live is a second complete read all the time.
      if (scope.held === undefined || scope.status.state !== 'live') continue;
      if (isConfirmed(scope.held.removal, this.#clock.now(), this.#guard)) this.#release(scope, dirty);
    }
    return dirty;
  }

  /** When `confirmDue` has something to do next, ms; undefined when nothing is held. */
  nextConfirmation(): number | undefined {
    const due = [...this.#scopes.values()].flatMap((s) =>
      s.held === undefined ? [] : [s.held.removal.since + this.#guard.confirmAfterMs],
    );
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** An operator lets a held removal through. Undefined when nothing is held there; else the endpoints that went. */
  release(id: string): { readonly released: number; readonly dirty: ReadonlySet<MeshHost> } | undefined {
    const scope = this.#scopes.get(id as ScopeId);
    if (scope?.held === undefined) return undefined;
    const dirty = new Set<MeshHost>();
    const released = scope.held.removal.removing;
    this.#release(scope, dirty);
    return { released, dirty };
  }

  /** The merge of everything known under a host. */
  merged(host: MeshHost): MeshService | undefined {
    const records = this.recordsOf(host).map((known) => known.record);
    const some = records.some((record) => record.endpoints.length > 0);
    return mergeService(host, records, this.#rules, some ? this.#vips?.addressOf(host) : undefined);
  }

  hosts(): Iterable<MeshHost> {
    return this.#hosts.hosts();
  }

  recordsOf(host: MeshHost): readonly KnownRecord[] {
    return this.#hosts.idsOf(host).flatMap((id) => this.recordOf(id) ?? []);
  }

  recordOf(id: ServiceId): KnownRecord | undefined {
    const scope = this.#scopes.get(id.slice(0, id.lastIndexOf('/')) as ScopeId);
    return scope?.records.get(id);
  }

  scopes(): Iterable<ScopeState> {
    return this.#scopes.values();
  }

  scopeById(id: string): ScopeState | undefined {
    return this.#scopes.get(id as ScopeId);
  }

  get confirmAfterMs(): number {
    return this.#guard.confirmAfterMs;
  }

  get rules(): CompiledRules {
    return this.#rules;
  }

  #scope(scope: Scope): ScopeState {
    const id = scopeId(scope);
    let state = this.#scopes.get(id);
    if (state === undefined) {
      state = {
        scope,
        status: { state: 'syncing' },
        statusSince: this.#clock.now(),
        lastSync: undefined,
        records: new Map(),
        held: undefined,
        diagnostics: [],
      };
      this.#scopes.set(id, state);
    }
    return state;
  }

  #setStatus(scope: ScopeState, status: ScopeState['status']): void {
    // A bridge that restarted still knows what it knew: "syncing" would hide that it serves old state.
    if (status.state === 'syncing' && scope.status.state === 'stale') return;
    if (scope.status.state !== status.state) scope.statusSince = this.#clock.now();
    // Time in which nobody watched confirms nothing.
    if (status.state !== 'live' && scope.held !== undefined)
      this.#hold(scope, scope.held.targets, { ...scope.held.removal, since: this.#clock.now() });
    scope.status = status;
  }

  *#applySnapshot(scope: ScopeState, services: ReadonlyMap<ServiceId, ServiceRecord>, dirty: Set<MeshHost>): Generator<void> {
    const removal = yield* removalBetween(scope.records, services);
    const mass = isMassRemoval(removal, this.#guard);
    const confirmed = scope.held !== undefined && isConfirmed(scope.held.removal, this.#clock.now(), this.#guard);
    const holds = mass && !confirmed;
    const waiting = new Set<string>(holds ? removal.services : []);
    let seen = 0;
    if (!holds) this.#clearHeld(scope);
    // What is new comes in at once; what would go may have to wait.
    for (const [id, record] of services) {
      if (!waiting.has(id)) this.#put(scope, id, record, dirty);
      seen += 1;
      if (seen % STEP === 0) yield;
    }
    for (const id of scope.records.keys()) if (!services.has(id) && !waiting.has(id)) this.#drop(scope, id, dirty);
    scope.lastSync = this.#clock.now(); // not before: whoever waits for a complete read would go on with half of it
    if (!holds) return;
    const targets = new Map(removal.services.map((id) => [id, services.get(id)]));
    this.#hold(scope, targets, { ...removal, since: scope.held?.removal.since ?? this.#clock.now() });
  }

  #hold(scope: ScopeState, targets: Map<ServiceId, ServiceRecord | undefined>, removal: HeldRemoval): void {
    scope.held = { removal, targets };
    this.#ledger.put('held', scopeId(scope.scope), removal);
  }

  #release(scope: ScopeState, dirty: Set<MeshHost>): void {
    const targets = scope.held?.targets ?? new Map<ServiceId, ServiceRecord | undefined>();
    this.#clearHeld(scope);
    for (const [id, record] of targets) {
      if (record === undefined) this.#drop(scope, id, dirty);
      else this.#put(scope, id, record, dirty);
    }
  }

  #clearHeld(scope: ScopeState): void {
    if (scope.held === undefined) return;
    scope.held = undefined;
    this.#ledger.delete('held', scopeId(scope.scope));
  }

  #put(scope: ScopeState, id: ServiceId, record: ServiceRecord, dirty: Set<MeshHost>): void {
    scope.held?.targets.delete(id); // the registry speaks of it again
    const before = scope.records.get(id);
    if (before !== undefined && (before.record === record || sameContent(before.record, record))) {
      if (before.restored) scope.records.set(id, { ...before, restored: false });
      return;
    }
    scope.records.set(id, { record, changedAt: this.#clock.now(), restored: false });
    this.#ledger.put('record', id, record);
    this.#hosts.put(id, record, dirty);
  }

  #drop(scope: ScopeState, id: ServiceId, dirty: Set<MeshHost>): void {
    scope.held?.targets.delete(id);
    if (!scope.records.delete(id)) return;
    this.#ledger.delete('record', id);
    this.#hosts.remove(id, dirty);
  }
}

/** Records are plain JSON with a fixed order of fields, so their text is their content. */
function sameContent(a: ServiceRecord, b: ServiceRecord): boolean {
  if (a.endpoints.length !== b.endpoints.length || a.host !== b.host) return false;
  return JSON.stringify(a) === JSON.stringify(b);
}

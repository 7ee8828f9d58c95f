import type { Clock, Diagnostic, Scope, ServiceId, ServiceRecord, SourceEvent } from '@isthmus/model';
import { absentFrom, committed, emptied, isNews, knownService, sharingRecord, withoutHeld } from './known-service.ts';
import type { KnownService, ServiceRead } from './known-service.ts';
import { statusOf } from './scope-phase.ts';
import type { ScopePhase } from './scope-phase.ts';

/** Services handled between two chances for the event loop (well under a millisecond). */
const STEP = 250;

export interface ScopeViewOptions {
  readonly scope: Scope;
  readonly emit: (event: SourceEvent) => void;
  readonly clock: Clock;
  /** In messages: `Nacos`. */
  readonly registry: string;
  /** Milliseconds. */
  readonly restartGrace: number;
}

/**
 * What we know of one namespace and group, and the only place that tells the reader: equal content is said once,
 * nothing is deleted unless the registry said so, and instances from before a restart are held for the grace. No input or output here.
 */
export class ScopeView {
  readonly scope: Scope;
  readonly #options: ScopeViewOptions;
  #known = new Map<string, KnownService>();
  /** Names of those of which something is held. */
  #held = new Set<string>();
  /** Services that could not be read, with the reason: one of them makes the scope partial. */
  readonly #failed = new Map<string, string>();
  readonly #diagnostics = new Map<string, Diagnostic>();
  #phase: ScopePhase = { kind: 'syncing' };
  #committed = false;
  /** When the registry last answered, ms; see `heard`. */
  #heardAt: number | undefined;
  #saidStatus = '';
  #saidDiagnostics = '[]';

  constructor(options: ScopeViewOptions) {
    this.scope = options.scope;
    this.#options = options;
    this.#sayStatus();
  }

  /** Services with something to say, held ones included. */
  names(): readonly string[] {
    return [...this.#known.keys()];
  }

  has(name: string): boolean {
    return this.#known.has(name);
  }

  /** Some of its instances have not come back yet; a push will tell when they do. */
  isHeld(name: string): boolean {
    return this.#held.has(name);
  }

  failedNames(): readonly string[] {
    return [...this.#failed.keys()];
  }

  /** Has been read since it was last lost. */
  get isSynced(): boolean {
    return this.#phase.kind === 'live' || this.#phase.kind === 'returning';
  }

  /** Why the scope is stale; undefined while it is not, or not for want of an answer. */
  get lostCause(): string | undefined {
    return this.#phase.kind === 'lost' ? this.#phase.cause : undefined;
  }

  /** The registry answered: what is known was what it had until now, or until so many ms ago. */
  heard(agoMs = 0): void {
    this.#heardAt = this.#options.clock.now() - agoMs;
  }

  /** The registry, or this scope of it, cannot be read: everything stays, marked stale since it was last heard. */
  lost(cause: string): void {
    const since = this.#staleSince();
    this.close();
    this.#phase = { kind: 'lost', since, cause };
    this.#sayStatus();
  }

  /**
   * A read of the whole scope has ended. What it does not have is gone after the first such read of a persistent
   * service, and held for the grace otherwise: "empty after a restart" is not "gone".
   *
   * @param failed Services whose read failed, with the reason: what is known of them stays, the scope is partial.
   * @param unreadable Services whose answer came but makes no sense: what is known of them stays, a diagnostic says so.
   * @param continues The registry has kept its data and its providers since it was lost: what is absent is gone, nothing is held.
   */
  commit(
    reads: ReadonlyMap<string, ServiceRead>,
    failed: ReadonlyMap<string, string> = new Map(),
    unreadable: ReadonlySet<string> = new Set(),
    continues = false,
  ): void {
    const steps = this.commitSteps(reads, failed, unreadable, continues);
    while (steps.next().done !== true);
  }

  /**
   * `commit` in steps, for thousands of services: everything is worked out first and taken over in the last step. Until then
   * nothing may be applied; what comes has to wait. False when the scope was lost meanwhile: then nothing was taken over.
   */
  *commitSteps(
    reads: ReadonlyMap<string, ServiceRead>,
    failed: ReadonlyMap<string, string> = new Map(),
    unreadable: ReadonlySet<string> = new Set(),
    continues = false,
  ): Generator<void, boolean> {
    const before = this.#phase;
    const believed = continues && this.#held.size === 0; // what is held since an earlier loss still waits
    const known = new Map<string, KnownService>();
    const held = new Set<string>();
    const services = new Map<ServiceId, ServiceRecord>();
    const changed: KnownService[] = [];
    const gone: KnownService[] = [];
    let seen = 0;
    const keep = (name: string, next: KnownService) => {
      known.set(name, next);
      services.set(next.id, next.record);
      if (next.held.length > 0) held.add(name);
    };
    const take = (name: string, old: KnownService | undefined, read: ServiceRead | undefined) => {
      if (old !== undefined && old.hash === read?.hash && old.held.length === 0) return keep(name, old);
      const now = believed ? read && knownService(read, []) : committed(old, read);
      if (now === undefined) {
        if (old !== undefined) gone.push(old);
        return;
      }
      const next = sharingRecord(now, old);
      if (isNews(next, old)) changed.push(next);
      keep(name, next);
    };
    for (const [name, old] of this.#known) {
      if (!reads.has(name)) {
        if (failed.has(name) || unreadable.has(name)) keep(name, old);
        else take(name, old, undefined);
      }
      if (++seen % STEP === 0) yield;
    }
    for (const [name, read] of reads) {
      take(name, this.#known.get(name), read);
      if (++seen % STEP === 0) yield;
    }
    if (this.#phase !== before) return false;
    this.#known = known;
    this.#held = held;
    this.#failed.clear();
    for (const [name, why] of failed) this.#failed.set(name, why);
    const since = this.#staleSince();
    this.close();
    this.#committed = true;
    if (held.size > 0) {
      const timer = setTimeout(() => this.#settle(), this.#options.restartGrace);
      timer.unref();
      this.#phase = { kind: 'returning', since, backSince: this.#options.clock.now(), timer };
      this.#sayStatus();
      for (const { record } of changed) this.#say({ kind: 'upsert', service: record });
      // A persistent service that is gone leaves with the snapshot at the end of the grace: nothing is deleted while stale.
      return true;
    }
    this.#phase = { kind: 'live' };
    this.#sayAll(changed, gone, services);
    return true;
  }

  /** One service was read or pushed while the scope is synced. A service without instances is removed. */
  apply(name: string, read: ServiceRead): void {
    const old = this.#known.get(name);
    const now = knownService(read, absentFrom(read, old?.held ?? []));
    const recovered = this.#failed.delete(name);
    if (now !== undefined) {
      const next = sharingRecord(now, old);
      this.#put(name, next);
      if (isNews(next, old)) this.#say({ kind: 'upsert', service: next.record });
    } else if (old !== undefined && this.#phase.kind === 'live') {
      this.#drop(name);
      this.#say({ kind: 'remove', key: old.record.key });
    } else if (old !== undefined) {
      // Nothing is deleted while the scope is stale: without endpoints now, gone with the snapshot that ends the grace.
      const empty = sharingRecord(emptied(old), old);
      this.#put(name, empty);
      if (isNews(empty, old)) this.#say({ kind: 'upsert', service: empty.record });
    }
    if (recovered) this.#recovered();
    if (this.#phase.kind === 'returning' && this.#held.size === 0) this.#settle();
  }

  /** The registry says, while the scope is synced, that the service is no more. */
  remove(name: string): void {
    const old = this.#known.get(name);
    if (old !== undefined) this.apply(name, emptied(old));
    this.forget(name);
  }

  /** This service could not be read; what is known of it stays. */
  fail(name: string, why: string): void {
    this.#failed.set(name, why);
    this.#sayStatus();
  }

  /** The service is not asked for any more. */
  forget(name: string): void {
    this.diagnose(name, undefined);
    if (this.#failed.delete(name)) this.#recovered();
  }

  /** Something is wrong with the answer about one service, or (`''`) with the scope; undefined takes it back. */
  diagnose(name: string, diagnostic: Diagnostic | undefined): void {
    if (diagnostic !== undefined) this.#diagnostics.set(name, diagnostic);
    else if (!this.#diagnostics.delete(name)) return;
    const list = [...this.#diagnostics].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
    const text = JSON.stringify(list);
    if (text === this.#saidDiagnostics) return;
    this.#saidDiagnostics = text;
    this.#say({ kind: 'diagnostics', scope: this.scope, diagnostics: list });
  }

  /** Ends the timer of the grace. */
  close(): void {
    if (this.#phase.kind === 'returning') clearTimeout(this.#phase.timer);
  }

  #staleSince(): number {
    const phase = this.#phase;
    if (phase.kind === 'lost' || phase.kind === 'returning') return phase.since;
    const now = this.#options.clock.now();
    return Math.min(this.#heardAt ?? now, now);
  }

  #put(name: string, known: KnownService): void {
    this.#known.set(name, known);
    if (known.held.length > 0) this.#held.add(name);
    else this.#held.delete(name);
  }

  #drop(name: string): void {
    this.#known.delete(name);
    this.#held.delete(name);
  }

  /** The grace has ended, or everything has come back before. */
  #settle(): void {
    if (this.#phase.kind !== 'returning') return;
    clearTimeout(this.#phase.timer);
    this.#phase = { kind: 'live' };
    const changed: KnownService[] = [];
    const gone: KnownService[] = [];
    for (const [name, known] of this.#known) {
      const next = withoutHeld(known);
      if (next === undefined) {
        this.#drop(name);
        gone.push(known);
      } else if (known.held.length > 0) {
        this.#put(name, next);
        changed.push(next);
      }
    }
    this.#sayAll(changed, gone);
  }

  #recovered(): void {
    if (this.#failed.size === 0 && this.#phase.kind === 'live' && this.#committed) this.#sayAll([], []);
    else this.#sayStatus();
  }

  /** A complete scope is a snapshot; a partial one is its changes: a snapshot would delete what could not be read. */
  #sayAll(changed: readonly KnownService[], gone: readonly KnownService[], all?: ReadonlyMap<ServiceId, ServiceRecord>): void {
    if (this.#failed.size === 0) {
      const services = all ?? new Map([...this.#known.values()].map(({ id, record }) => [id, record]));
      this.#say({ kind: 'snapshot', scope: this.scope, services });
      this.#sayStatus();
      return;
    }
    this.#sayStatus();
    for (const { record } of changed) this.#say({ kind: 'upsert', service: record });
    for (const { record } of gone) this.#say({ kind: 'remove', key: record.key });
  }

  #sayStatus(): void {
    const { registry, restartGrace } = this.#options;
    const status = statusOf(this.#phase, this.#failed, registry, restartGrace);
    const text = JSON.stringify(status);
    if (text === this.#saidStatus) return;
    this.#saidStatus = text;
    this.#say({ kind: 'status', scope: this.scope, status });
  }

  #say(event: SourceEvent): void {
    this.#options.emit(event);
  }
}

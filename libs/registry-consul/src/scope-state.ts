import { endpointKey, sameRecord, serviceId } from '@isthmus/model';
import type { Clock, Diagnostic, Scope, ServiceId, ServiceKey, ServiceRecord, SourceEvent, SourceStatus } from '@isthmus/model';
import type { Normalized } from './normalize.ts';

/** More than that at once says nothing more. */
const MOST_DIAGNOSTICS = 50;

interface Known {
  readonly id: ServiceId;
  /** What readers were told last; undefined when they never heard of it. */
  shown: ServiceRecord | undefined;
  /** What Consul said last; undefined when it lists no instance. Differs from `shown` only while something is kept. */
  fresh: ServiceRecord | undefined;
}

export interface Problem {
  /** Some of the scope could not be read because of it. */
  readonly partial: boolean;
  readonly diagnostic: Diagnostic;
}

/**
 * What one datacenter is known to hold, and what readers were told of it. The rules about deleting are all here:
 * - nothing goes while the scope is being read, or is stale;
 * - an answer that Consul shortened (ACLs) and a Consul that lost its data take nothing away;
 * - what Consul says in full while we are connected counts at once.
 */
export class ScopeState {
  readonly #scope: Scope;
  readonly #push: (event: SourceEvent) => void;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  readonly #problems = new Map<string, Problem>();
  #status: SourceStatus | undefined;
  /** False between losing Consul and the end of the next complete read. */
  #open = false;
  /** Why instances that Consul no longer lists are kept for now. */
  #holding: { readonly cause: string; readonly backSince: number } | undefined;
  #saidDiagnostics = '[]';
  #problemsChanged = false;
  /** Why the scope is partial, if it is. */
  #cause: string | undefined;

  constructor(scope: Scope, push: (event: SourceEvent) => void, clock: Clock) {
    this.#scope = scope;
    this.#push = push;
    this.#clock = clock;
  }

  /** Services that readers know. */
  get size(): number {
    return this.#known.size;
  }

  /** Names of services with an instance on that node. */
  on(node: string): readonly string[] {
    const prefix = `${node}/`;
    const found: string[] = [];
    for (const [name, { fresh }] of this.#known) {
      if (fresh?.endpoints.some((endpoint) => endpoint.instanceId.startsWith(prefix)) === true) found.push(name);
    }
    return found;
  }

  start(): void {
    this.#say({ state: 'syncing' });
  }

  /** @param heardMs how long ago Consul last answered, ms */
  lost(cause: string, heardMs = 0): void {
    this.#open = false;
    const since = this.#status?.state === 'stale' ? this.#status.since : this.#clock.now() - heardMs;
    this.#say({ state: 'stale', since, cause });
  }

  /** A new read from the start; what is known stays until it ends. */
  startRead(): void {
    this.#open = false;
    this.#problems.clear();
    this.#problemsChanged = true;
    for (const known of this.#known.values()) known.fresh = undefined;
  }

  /** True when the reading lacks an instance that Consul listed before. */
  loses(name: string, reading: Normalized): boolean {
    const before = this.#known.get(name)?.fresh;
    if (before === undefined) return false;
    if (reading.kind !== 'record') return true;
    const keys = new Set(reading.record.endpoints.map(endpointKey));
    return before.endpoints.some((endpoint) => !keys.has(endpointKey(endpoint)));
  }

  /** What Consul says of one service; `limited`: it may have left instances out. True when readers were told something new. */
  put(name: string, reading: Normalized, limited: boolean): boolean {
    this.problem(
      `service ${name} rejected`,
      reading.kind === 'rejected' ? { partial: false, diagnostic: reading.diagnostic } : undefined,
    );
    if (reading.kind !== 'record') {
      if (limited) return false;
      return this.gone(name);
    }
    const known = this.#known.get(name) ?? this.#unknown(name);
    this.#known.set(name, known);
    const kept = limited && known.fresh === undefined ? known.shown : known.fresh;
    known.fresh = limited && kept !== undefined ? withMissing(reading.record, kept) : reading.record;
    return this.#open ? this.#show(known) : true;
  }

  /** Consul lists the service no more. */
  gone(name: string): boolean {
    const known = this.#known.get(name);
    if (known === undefined) return false;
    known.fresh = undefined;
    if (!this.#open || this.#holding !== undefined) return false;
    this.#known.delete(name);
    if (known.shown === undefined) return false;
    this.#push({ kind: 'remove', key: this.#key(name) });
    return true;
  }

  /** Sets or clears what is wrong under a name; told with the next `settle` or `endRead`. */
  problem(name: string, problem: Problem | undefined): void {
    const before = this.#problems.get(name);
    if (JSON.stringify(before) === JSON.stringify(problem)) return;
    if (problem === undefined) this.#problems.delete(name);
    else this.#problems.set(name, problem);
    this.#problemsChanged = true;
  }

  /** Everything was read as far as it can be. `lostData`: Consul came back with an older state, see `release`. */
  endRead(lostData: string | undefined): void {
    this.#open = true;
    this.#holding = lostData === undefined ? undefined : { cause: lostData, backSince: this.#clock.now() };
    this.#sayProblems();
    if (lostData !== undefined || this.#cause !== undefined) {
      for (const known of this.#known.values()) if (known.fresh !== undefined) this.#show(known);
    }
    this.settle();
  }

  /** The grace after a loss of data is over: what has not come back goes. */
  release(): void {
    if (this.#holding === undefined || !this.#open) return;
    this.#holding = undefined;
    this.settle();
  }

  /** Tells the status and the diagnostics when they changed. Becoming live again comes with a snapshot. */
  settle(): void {
    if (!this.#open) return;
    if (this.#problemsChanged) this.#sayProblems();
    const cause = this.#cause;
    if (this.#holding !== undefined) this.#say({ state: 'stale', since: this.#since(), ...this.#holding });
    else if (cause !== undefined) this.#say({ state: 'partial', cause });
    else if (this.#status?.state !== 'live') this.#live();
  }

  #live(): void {
    const services = new Map<ServiceId, ServiceRecord>();
    for (const [name, known] of this.#known) {
      if (known.fresh === undefined) {
        this.#known.delete(name);
        continue;
      }
      known.shown = known.fresh;
      services.set(known.id, known.fresh);
    }
    this.#push({ kind: 'snapshot', scope: this.#scope, services });
    this.#say({ state: 'live' });
  }

  #show(known: Known): boolean {
    const fresh = known.fresh as ServiceRecord;
    const record = this.#holding !== undefined && known.shown !== undefined ? withMissing(fresh, known.shown) : fresh;
    if (sameRecord(known.shown, record)) return false;
    known.shown = record;
    this.#push({ kind: 'upsert', service: record });
    return true;
  }

  #partialCause(): string | undefined {
    const partial = [...this.#problems.values()].filter((problem) => problem.partial);
    const first = partial[0];
    if (first === undefined) return undefined;
    const more = partial.length > 1 ? ` (and ${partial.length - 1} more)` : '';
    return `${first.diagnostic.where}: ${first.diagnostic.what}${more}`;
  }

  #since(): number {
    return this.#status?.state === 'stale' ? this.#status.since : this.#clock.now();
  }

  #say(status: SourceStatus): void {
    if (JSON.stringify(status) === JSON.stringify(this.#status)) return;
    this.#status = status;
    this.#push({ kind: 'status', scope: this.#scope, status });
  }

  /** Not at every change of a service: thousands of services can have a problem each. */
  #sayProblems(): void {
    this.#problemsChanged = false;
    this.#cause = this.#partialCause();
    const all = [...this.#problems.values()].map((problem) => problem.diagnostic);
    const diagnostics = all.sort((a, b) => (`${a.where} ${a.what}` < `${b.where} ${b.what}` ? -1 : 1)).slice(0, MOST_DIAGNOSTICS);
    const text = JSON.stringify(diagnostics);
    if (text === this.#saidDiagnostics) return;
    this.#saidDiagnostics = text;
    this.#push({ kind: 'diagnostics', scope: this.#scope, diagnostics });
  }

  #unknown(name: string): Known {
    return { id: serviceId(this.#key(name)), shown: undefined, fresh: undefined };
  }

  #key(name: string): ServiceKey {
    return { ...this.#scope, name };
  }
}

/** The record with the instances of an earlier one that it does not list; what it lists counts as it says. */
function withMissing(record: ServiceRecord, earlier: ServiceRecord): ServiceRecord {
  const listed = new Set(record.endpoints.map(endpointKey));
  const missing = earlier.endpoints.filter((endpoint) => !listed.has(endpointKey(endpoint)));
  if (missing.length === 0) return record;
  const endpoints = [...record.endpoints, ...missing].sort((a, b) => (endpointKey(a) < endpointKey(b) ? -1 : 1));
  return { ...record, endpoints };
}

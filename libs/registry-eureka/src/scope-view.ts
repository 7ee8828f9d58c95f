import { endpointKey, formatDuration, sameRecord, scopeId, serviceId } from '@isthmus/model';
import type { Clock, Diagnostic, Endpoint, Scope, ServiceId, ServiceRecord, SourceEvent, SourceStatus } from '@isthmus/model';
import { scopeDiagnostic } from '@isthmus/registry';
import type { ReadFailure } from './answer-error.ts';
import type { Read } from './reader-thread.ts';

/**
 * `lost`: no server answers. `returning`: one answers again, but after a restart or a failover it may not have heard
 * from everybody yet; instances that it does not list are held until `until`.
 */
type Phase =
  | { readonly kind: 'syncing' }
  | { readonly kind: 'live' }
  | { readonly kind: 'lost'; readonly since: number; readonly cause: string }
  | { readonly kind: 'returning'; readonly since: number; readonly backSince: number; readonly until: number };

export interface ScopeViewOptions {
  readonly scope: Scope;
  readonly emit: (event: SourceEvent) => void;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly restartGrace: number;
  /** Gives way to the event loop. */
  readonly yieldToLoop: () => Promise<void>;
}

/** Services that are looked at before giving way to the event loop. */
const SLICE = 100;
/** Diagnostics of a scope; the rest is counted. */
const MOST_DIAGNOSTICS = 50;

/**
 * What the reader of this source was told, and the rules by which reads become events: nothing is deleted while the
 * scope is stale, equal content is said once, and a list that lost instances over a restart is not believed at once.
 */
export class ScopeView {
  readonly #options: ScopeViewOptions;
  /** What the server says, by application. */
  readonly #fresh = new Map<string, ServiceRecord>();
  /** Instances from before that the server does not list (yet), by application. */
  readonly #held = new Map<string, ServiceRecord>();
  /** What was said: `fresh` and `held` together. */
  readonly #published = new Map<ServiceId, ServiceRecord>();
  #phase: Phase = { kind: 'syncing' };
  /** When a server last answered, ms. */
  #heardAt: number | undefined;
  #unreadable: readonly string[] = [];
  #problems: readonly Diagnostic[] = [];
  #failure: ReadFailure | undefined;
  #saidStatus = '';
  #saidDiagnostics = '[]';

  constructor(options: ScopeViewOptions) {
    this.#options = options;
    this.#sayStatus();
  }

  get isEmpty(): boolean {
    return this.#published.size === 0;
  }

  /** Milliseconds until instances are no longer held; undefined when none are. */
  get graceLeft(): number | undefined {
    return this.#phase.kind === 'returning' ? Math.max(0, this.#phase.until - this.#options.clock.now()) : undefined;
  }

  /** No server can be read: everything stays, marked stale since one was last heard. */
  lost(failure: ReadFailure): void {
    this.#phase = { kind: 'lost', since: this.#staleSince(), cause: `${failure.what}. Try: ${failure.remedy}` };
    this.#failure = failure.code.startsWith('answer.') ? failure : undefined;
    this.#sayDiagnostics();
    this.#sayStatus();
  }

  /**
   * A complete list was read.
   *
   * @param trusted False after a restart, a failover or an outage: what is missing is held for the grace then.
   */
  async full(read: Read, trusted: boolean): Promise<void> {
    const names = new Set<string>();
    if (read.fromScratch) {
      const unreadable = new Set(read.summary.unreadable);
      for (const name of this.#fresh.keys()) {
        if (unreadable.has(name)) continue;
        this.#fresh.delete(name);
        names.add(name);
      }
    }
    this.#take(read, names);
    if (!trusted) {
      await this.#inSlices([...this.#published.values()], (record) => {
        this.#hold(record.key.name, record);
        names.add(record.key.name);
      });
    }
    await this.#publish(names, true);
  }

  /**
   * Changes were read.
   *
   * @param proven True when all that changed is known, so that what is held here is what the server has.
   */
  async delta(read: Read, proven: boolean): Promise<void> {
    const names = new Set<string>();
    this.#take(read, names);
    if (this.#phase.kind !== 'live' && this.#phase.kind !== 'returning' && !proven) return;
    await this.#publish(names, false);
  }

  /** The grace is over: what has not come back goes. */
  async settle(): Promise<void> {
    if (this.#phase.kind !== 'returning') return;
    this.#held.clear();
    await this.#publish(new Set(), true);
  }

  /** Adds the names whose published record may have to change. */
  #take({ records, summary }: Read, names: Set<string>): void {
    this.#heardAt = this.#options.clock.now();
    for (const name of summary.removed) {
      this.#fresh.delete(name);
      names.add(name);
    }
    for (const record of records) {
      this.#fresh.set(record.key.name, record);
      names.add(record.key.name);
    }
    this.#unreadable = summary.unreadable;
    this.#problems = summary.problems;
    this.#failure = undefined;
  }

  #hold(name: string, before: ServiceRecord): void {
    const left = without(before.endpoints, this.#fresh.get(name)?.endpoints ?? []);
    if (left.length === before.endpoints.length) this.#held.set(name, before);
    else if (left.length > 0) this.#held.set(name, { ...before, endpoints: left });
    else this.#held.delete(name);
  }

  /** @param whole This was a read of everything: say so by a snapshot. */
  async #publish(names: ReadonlySet<string>, whole: boolean): Promise<void> {
    const changes: SourceEvent[] = [];
    await this.#inSlices([...names], (name) => {
      const held = this.#held.get(name);
      if (held !== undefined) this.#hold(name, held); // some may have come back
    });
    const before = this.#phase;
    const returning = this.#held.size > 0;
    const toLive = !returning && (whole || before.kind !== 'live');
    if (returning && before.kind !== 'returning') {
      const { clock, restartGrace } = this.#options;
      const backSince = clock.now();
      this.#phase = { kind: 'returning', since: this.#staleSince(), backSince, until: backSince + restartGrace };
      this.#sayStatus();
    }
    // What was put off while the scope was stale is looked at on the way back.
    const looksAtAll = before.kind !== 'live' && (toLive || before.kind !== 'returning');
    const looked = looksAtAll ? this.#allNames() : names;
    await this.#inSlices([...looked], (name) => {
      const id = serviceId({ ...this.#options.scope, name });
      const old = this.#published.get(id);
      const next = merge(this.#held.get(name), this.#fresh.get(name));
      if (next === undefined) {
        if (old === undefined || returning) return; // nothing is deleted while the scope is stale
        this.#published.delete(id);
        changes.push({ kind: 'remove', key: old.key });
      } else if (old === undefined || !sameRecord(old, next)) {
        this.#published.set(id, next);
        changes.push({ kind: 'upsert', service: next });
      }
    });
    if (toLive) {
      this.#phase = { kind: 'live' };
      this.#saySnapshot();
    } else {
      for (const change of changes) this.#options.emit(change);
    }
    this.#sayDiagnostics();
    this.#sayStatus();
  }

  #saySnapshot(): void {
    this.#options.emit({ kind: 'snapshot', scope: this.#options.scope, services: new Map(this.#published) });
  }

  #allNames(): ReadonlySet<string> {
    const names = new Set(this.#fresh.keys());
    for (const { key } of this.#published.values()) names.add(key.name);
    return names;
  }

  #sayStatus(): void {
    const status = this.#status();
    const text = JSON.stringify(status);
    if (text === this.#saidStatus) return;
    this.#saidStatus = text;
    this.#options.emit({ kind: 'status', scope: this.#options.scope, status });
  }

  #status(): SourceStatus {
    const phase = this.#phase;
    switch (phase.kind) {
      case 'syncing':
        return { state: 'syncing' };
      case 'lost':
        return { state: 'stale', since: phase.since, cause: phase.cause };
      case 'returning': {
        const grace = formatDuration(this.#options.restartGrace);
        const cause = `Eureka is back, but does not list every instance again yet; those are kept for up to ${grace} (restartGrace)`;
        return { state: 'stale', since: phase.since, cause, backSince: phase.backSince };
      }
      case 'live': {
        const [first] = this.#unreadable;
        if (first === undefined) return { state: 'live' };
        const more = this.#unreadable.length === 1 ? '' : ` and ${this.#unreadable.length - 1} more`;
        return { state: 'partial', cause: `application ${first}${more} could not be read; see the diagnostics` };
      }
      default:
        return phase satisfies never;
    }
  }

  #sayDiagnostics(): void {
    const { scope, emit } = this.#options;
    const list = this.#problems.slice(0, MOST_DIAGNOSTICS);
    if (this.#problems.length > list.length) {
      const what = `${this.#problems.length - list.length} more applications with problems`;
      list.push(
        scopeDiagnostic(
          scopeId(scope),
          'registry.partial',
          what,
          'only the first ones are listed',
          'mend those first',
          'warning',
        ),
      );
    }
    if (this.#failure !== undefined) {
      const { code, what, remedy } = this.#failure;
      if (code === 'answer.invalid' || code === 'answer.too-large') {
        list.unshift(
          scopeDiagnostic(scopeId(scope), code, what, 'the answer is not used; what was known stays, as stale', remedy),
        );
      }
    }
    const text = JSON.stringify(list);
    if (text === this.#saidDiagnostics) return;
    this.#saidDiagnostics = text;
    emit({ kind: 'diagnostics', scope, diagnostics: list });
  }

  #staleSince(): number {
    const phase = this.#phase;
    if (phase.kind === 'lost' || phase.kind === 'returning') return phase.since;
    const now = this.#options.clock.now();
    return Math.min(this.#heardAt ?? now, now);
  }

  async #inSlices<T>(items: readonly T[], use: (item: T) => void): Promise<void> {
    for (const [index, item] of items.entries()) {
      if (index > 0 && index % SLICE === 0) await this.#options.yieldToLoop();
      use(item);
    }
  }
}

/** Endpoints that have neither an instance id nor an address of the others: a process that registered again is the same. */
function without(endpoints: readonly Endpoint[], others: readonly Endpoint[]): readonly Endpoint[] {
  const ids = new Set(others.map((endpoint) => endpoint.instanceId));
  const addresses = new Set(others.map(endpointKey));
  return endpoints.filter((endpoint) => !ids.has(endpoint.instanceId) && !addresses.has(endpointKey(endpoint)));
}

function merge(held: ServiceRecord | undefined, fresh: ServiceRecord | undefined): ServiceRecord | undefined {
  if (held === undefined || fresh === undefined) return fresh ?? held;
  const keyed = [...fresh.endpoints, ...held.endpoints].map((endpoint) => [endpointKey(endpoint), endpoint] as const);
  keyed.sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...fresh, endpoints: keyed.map(([, endpoint]) => endpoint) };
}

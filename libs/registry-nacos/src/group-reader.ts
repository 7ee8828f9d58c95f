import { IsthmusError, runInSlices, scopeId } from '@isthmus/model';
import type { ServiceKey } from '@isthmus/model';
import { eachLimited, scopeDiagnostic } from '@isthmus/registry';
import type { ScopeView, ServiceRead } from '@isthmus/registry';
import { endsConnection } from './errors.ts';
import type { ServiceInfo } from './normalize.ts';
import { isCallable, notCallable } from './normalize-dubbo.ts';
import { outcomeOf, outcomeOfError } from './service-outcome.ts';
import type { ServiceOutcome } from './outcome.ts';

/** Requests of one connection under way; more only fills the server's queue and our event loop. */
const IN_FLIGHT = 32;

/** Outcomes handled between two chances for the event loop. */
const STEP = 250;

/** What a group can be asked, over gRPC or HTTP. All throw IsthmusErrors; `registry.unreachable` ends the session. */
export interface GroupReads {
  /** The bare names of all services of the group. */
  list(): Promise<readonly string[]>;
  /** The present instances; later changes come as pushes or hints. */
  subscribe(name: string): Promise<ServiceInfo>;
  unsubscribe(name: string): Promise<void>;
  query(name: string, healthyOnly?: boolean): Promise<ServiceInfo>;
}

export interface GroupReaderOptions {
  readonly reads: GroupReads;
  readonly view: ScopeView;
  readonly wanted: (name: string) => boolean;
}

/**
 * Reads one group for one session: list and subscribe everything, then listings that find what is new, and pushes.
 * Its end is the session's; what was read lives on in the `ScopeView`.
 */
export class GroupReader {
  readonly view: ScopeView;
  readonly #reads: GroupReads;
  readonly #listed: (name: string) => boolean;
  readonly #wanted: (name: string) => boolean;
  readonly #subscribed = new Set<string>();
  /** Their pushes would kill the stream, so they are only queried. */
  readonly #tooLarge = new Set<string>();
  /** `lastRefTime` of the newest content by service; servers differ, so it counts within a connection only. */
  readonly #newest = new Map<string, number>();
  /** Content that came during the first read, committed at its end, or during that commit, which applies after it. */
  #collecting: Map<string, ServiceOutcome> | undefined;
  #busy = false;
  #verified = 0;

  constructor(options: GroupReaderOptions) {
    this.view = options.view;
    this.#reads = options.reads;
    this.#listed = options.wanted;
    this.#wanted = (name) => isCallable(name) && options.wanted(name);
  }

  /** Lists and subscribes everything, then commits. A refused listing makes the scope stale. @throws when the connection has ended. */
  async sync(): Promise<void> {
    const names = await this.#list();
    if (names === undefined) return;
    const collected = new Map<string, ServiceOutcome>();
    this.#collecting = collected;
    try {
      await this.#subscribeAll(new Set([...names, ...this.view.names()]));
    } finally {
      this.#collecting = undefined;
    }
    const late = new Map<string, ServiceOutcome>();
    this.#collecting = late;
    try {
      await runInSlices(this.#commitSteps(collected));
    } finally {
      this.#collecting = undefined;
    }
    for (const [name, outcome] of late) this.#conclude(name, outcome);
  }

  *#commitSteps(collected: ReadonlyMap<string, ServiceOutcome>): Generator<void> {
    const reads = new Map<string, ServiceRead>();
    const failed = new Map<string, string>();
    const unreadable = new Set<string>();
    for (const [name, outcome] of collected) {
      if (outcome.kind === 'read') reads.set(name, outcome.read);
      else if (outcome.kind === 'failed') failed.set(name, outcome.why);
      else unreadable.add(name);
      this.view.diagnose(name, outcome.kind === 'unreadable' ? outcome.diagnostic : undefined);
      if ((reads.size + failed.size + unreadable.size) % STEP === 0) yield;
    }
    yield* this.view.commitSteps(reads, failed, unreadable);
  }

  /**
   * Compares with a new listing: subscribes what is new or failed, asks for what is no longer listed, and queries a share
   * of all services in case a push was lost. Overlapping calls are one.
   *
   * @param verifyShare 0 to 1: the part of the services to query. @throws when the connection has ended.
   */
  async reconcile(verifyShare: number): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      if (!this.view.isSynced) return await this.sync();
      const listed = await this.#list();
      if (listed === undefined) return;
      const names = new Set(listed);
      await this.#subscribeAll(listed.filter((name) => !this.#subscribed.has(name) && !this.#tooLarge.has(name)));
      await this.#subscribeAll(this.view.failedNames());
      await eachLimited([...this.#tooLarge], IN_FLIGHT, (name) => this.#retryLarge(name));
      const unlisted = [...this.#subscribed].filter((name) => !names.has(name) && !this.view.isHeld(name));
      await eachLimited(unlisted, IN_FLIGHT, (name) => this.#confirmGone(name));
      await this.#verify(verifyShare);
    } finally {
      this.#busy = false;
    }
  }

  /** Someone says that there is such a service, or that it changed: ask now instead of at the next listing. */
  async hint(name: string, changed = false): Promise<void> {
    if (!this.#wanted(name) || this.#tooLarge.has(name) || !this.view.isSynced) return;
    if (!this.#subscribed.has(name)) await this.#subscribe(name);
    else if (changed) await this.#query(name);
  }

  /** A push, or the answer to a query. */
  async received(name: string, info: ServiceInfo): Promise<void> {
    this.view.heard();
    if (!this.#wanted(name)) return;
    if (info.lastRefTime < (this.#newest.get(name) ?? 0)) return;
    this.#newest.set(name, info.lastRefTime);
    if (!info.protectionReached) {
      this.#conclude(name, outcomeOf(this.#key(name), info)); // in the same turn: a push costs no wait
      return;
    }
    const healthy = await this.#reads.query(name, true);
    if (this.#newest.get(name) === info.lastRefTime) this.#conclude(name, outcomeOf(this.#key(name), info, healthy));
  }

  /** Reports a push of this group that could not be handled. */
  failed(name: string, thrown: unknown): void {
    this.#conclude(name, outcomeOfError(this.#key(name), thrown));
  }

  #key(name: string): ServiceKey {
    return { ...this.view.scope, name };
  }

  /** Undefined when the listing was refused; the scope is stale then and read anew at the next listing. */
  async #list(): Promise<readonly string[] | undefined> {
    try {
      const names = (await this.#reads.list()).filter(this.#listed);
      this.view.heard();
      this.view.diagnose('', undefined);
      this.view.diagnose('not callable:', notCallable(this.view.scope, names));
      return names.filter(this.#wanted);
    } catch (thrown) {
      if (!IsthmusError.is(thrown) || endsConnection(thrown)) throw thrown;
      this.view.lost(thrown.message);
      if (thrown.code === 'registry.protocol' || thrown.code === 'registry.too-large') {
        const code = thrown.code === 'registry.protocol' ? 'answer.invalid' : 'answer.too-large';
        const remedy = thrown.remedy ?? 'look at the log of Nacos';
        this.view.diagnose(
          '',
          scopeDiagnostic(scopeId(this.view.scope), code, thrown.message, 'the scope keeps what it had', remedy),
        );
      }
      return undefined;
    }
  }

  #subscribeAll(names: Iterable<string>): Promise<void> {
    return eachLimited(names, IN_FLIGHT, (name) => this.#subscribe(name));
  }

  async #subscribe(name: string): Promise<void> {
    this.#subscribed.add(name);
    await this.#attempt(name, async () => {
      await this.received(name, await this.#reads.subscribe(name));
    });
    if (!this.#tooLarge.has(name)) return;
    this.#subscribed.delete(name);
    await this.#attempt(name, () => this.#reads.unsubscribe(name), true);
  }

  async #retryLarge(name: string): Promise<void> {
    await this.#attempt(name, async () => {
      await this.#reads.query(name);
      this.#tooLarge.delete(name);
    });
    if (!this.#tooLarge.has(name)) await this.#subscribe(name);
  }

  /** Not listed: it is gone, unless Nacos still gives instances when asked. */
  async #confirmGone(name: string): Promise<void> {
    await this.#query(name);
    if (this.view.has(name)) return;
    await this.#attempt(name, () => this.#reads.unsubscribe(name), true);
    this.#subscribed.delete(name);
    this.#newest.delete(name);
    this.view.forget(name);
  }

  async #verify(share: number): Promise<void> {
    const names = [...this.#subscribed];
    const count = Math.min(names.length, Math.ceil(names.length * share));
    const slice = Array.from({ length: count }, (_, n) => names[(this.#verified + n) % names.length] as string);
    this.#verified += count;
    await eachLimited(slice, IN_FLIGHT, (name) => this.#query(name));
  }

  #query(name: string): Promise<void> {
    return this.#attempt(name, async () => {
      await this.received(name, await this.#reads.query(name));
    });
  }

  async #attempt(name: string, work: () => Promise<void>, quiet = false): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      const outcome = outcomeOfError(this.#key(name), thrown);
      if (!quiet) this.#conclude(name, outcome);
    }
  }

  #conclude(name: string, outcome: ServiceOutcome): void {
    if (outcome.kind === 'unreadable' && outcome.tooLarge) this.#tooLarge.add(name);
    if (this.#collecting !== undefined) {
      this.#collecting.set(name, outcome);
      return;
    }
    if (!this.view.isSynced) return; // the next read of the whole scope will have it
    if (outcome.kind === 'failed') this.view.fail(name, outcome.why);
    else if (outcome.kind === 'read') this.view.apply(name, outcome.read);
    this.view.diagnose(name, outcome.kind === 'unreadable' ? outcome.diagnostic : undefined);
  }
}

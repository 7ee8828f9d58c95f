import { backoff, IsthmusError, messageOf, pause } from '@isthmus/model';
import type { SourceId } from '@isthmus/model';
import { eachLimited } from './each-limited.ts';
import { LeaseQueue } from './lease-queue.ts';
import type {
  ListedEntry,
  Publication,
  PublicationState,
  RegistrySink,
  SinkChange,
  SinkCounters,
  SinkDeps,
  SinkEntry,
  SinkSession,
  SinkStatus,
  SinkWire,
} from './registry-sink.ts';
import { RequestPace, isUnanswered } from './request-pace.ts';
import { RetryTimes } from './retry-times.ts';
import { SinkBook } from './sink-book.ts';
import { addressKey, changeOf, compareChanges, entryOf, planPublication } from './sink-plan.ts';
import type { PlannedStep } from './sink-plan.ts';

/** Pieces of work between two looks at what is most urgent, for each request under way at once. */
const ROUND = 16;
/** Of which at most so many are renewals: a registry that is just fast enough for those must not keep writes out. */
const MOST_RENEWALS = 12;
/** Requests of a dry run at once. */
const DIFF_AT_ONCE = 4;
/** Every name is compared with the registry again after this long, ms: somebody may have registered the same address. */
const VERIFY_MS = 60_000;
/** Renewals in one TTL: what was just renewed outlives three quarters of it, in which a bridge can start again. */
const RENEWALS = 4;
/** Between two attempts to connect, and of one service that is refused; ms. */
const RETRY = { base: 500, most: 30_000 } as const;

const LIVE: SinkStatus = { state: 'live' };

/**
 * Entries with a lease in any registry: written when they are wanted, renewed while they are, withdrawn when they are not and
 * may be. What a registry's own calls are, its `SinkWire` knows.
 */
export class LeaseSink implements RegistrySink {
  readonly id: SourceId;
  readonly #wire: SinkWire;
  readonly #deps: SinkDeps;
  readonly #book: SinkBook;
  readonly #dirty = new Set<string>();
  readonly #leases = new LeaseQueue<SinkEntry>();
  readonly #verify = new LeaseQueue<string>();
  readonly #retries: RetryTimes;
  readonly #waiting = new Set<string>();
  readonly #counters = { registered: 0, renewed: 0, withdrawn: 0, failed: 0 };
  #status: SinkStatus = { state: 'idle' };
  readonly #pace = new RequestPace();
  #attempt = 0;
  /** What the registry has of ours must be looked at: after a start, or when another replica wrote until now. */
  #unknown: 'all' | 'leases' | 'none' = 'all';
  #wake: () => void = () => undefined;

  constructor(id: SourceId, wire: SinkWire, deps: SinkDeps) {
    this.id = id;
    this.#wire = wire;
    this.#deps = deps;
    this.#book = new SinkBook(id, deps.ledger);
    this.#retries = new RetryTimes(deps.random, RETRY.base, RETRY.most);
  }

  get status(): SinkStatus {
    return this.#status;
  }

  get counters(): SinkCounters {
    return this.#counters;
  }

  publications(): Iterable<PublicationState> {
    return this.#book.states();
  }

  publication(id: string): PublicationState | undefined {
    return this.#book.state(id);
  }

  want(id: string, publication: Publication | undefined): void {
    if (!this.#book.want(id, publication)) return;
    this.#retries.forget(id);
    this.#dirty.add(id);
    this.#wake();
  }

  gateChanged(): void {
    for (const id of this.#waiting) this.#dirty.add(id);
    this.#waiting.clear();
    this.#wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopListening = this.#deps.writer.onChange(() => this.#wake());
    try {
      while (!signal.aborted) {
        if (!this.#deps.writer.isWriter()) {
          await this.#rest({ state: 'standby' }, signal);
          this.#book.reload(); // whoever wrote until now has changed it
          this.#unknown = 'all';
        } else if (this.#book.isEmpty) await this.#rest({ state: 'idle' }, signal);
        else await this.#session(signal);
      }
    } finally {
      stopListening();
    }
  }

  async diff(signal: AbortSignal): Promise<readonly SinkChange[]> {
    const session = await this.#wire.connect(this.#attempt, signal);
    const changes: SinkChange[] = [];
    try {
      await eachLimited(this.#book.ids(), DIFF_AT_ONCE, async (id) => {
        const at = this.#book.at(id);
        const listed = at === undefined ? [] : await session.list(at, signal);
        for (const step of this.#plan(id, listed)) if (step.action !== 'keep') changes.push(changeOf(step));
      });
    } finally {
      session.close();
    }
    return changes.sort(compareChanges);
  }

  async #rest(status: SinkStatus, signal: AbortSignal): Promise<void> {
    this.#status = status;
    await this.#sleep(Number.POSITIVE_INFINITY, signal);
  }

  /** One connection, from its start to its end. */
  async #session(signal: AbortSignal): Promise<void> {
    if (this.#status.state !== 'failing') this.#status = { state: 'connecting' };
    try {
      const session = await this.#wire.connect(this.#attempt, signal);
      try {
        this.#lookAgain();
        await this.#work(session, signal);
      } finally {
        session.close();
      }
    } catch (thrown) {
      if (signal.aborted) return;
      const since = this.#status.state === 'failing' ? this.#status.since : this.#deps.clock.now();
      this.#status = { state: 'failing', since, cause: messageOf(thrown) };
      this.#attempt += 1;
      if (IsthmusError.is(thrown) && thrown.code === 'registry.unreachable' && this.#unknown === 'none') this.#unknown = 'leases';
      await pause(backoff(this.#attempt, this.#deps.random, RETRY.base, RETRY.most), signal);
    }
  }

  /** What was written before is renewed first: its leases may be near their end, or the registry was restarted and is empty. */
  #lookAgain(): void {
    const { meshId, writer } = this.#deps;
    this.#pace.reset();
    for (const [id, publication] of this.#unknown === 'none' ? [] : this.#book.writtenOnes()) {
      for (const instance of publication.instances) this.#lease(id, entryOf(publication, instance, meshId, writer.owner), 'now');
      if (this.#unknown === 'all') this.#dirty.add(id);
    }
    this.#unknown = 'none';
  }

  async #work(session: SinkSession, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#deps.writer.isWriter()) {
      const jobs = this.#dueJobs(session, signal);
      if (jobs.length > 0) {
        await eachLimited(jobs, this.#pace.atOnce, async (job) => {
          if (!signal.aborted && this.#deps.writer.isWriter()) await job();
        });
        continue;
      }
      if (this.#book.isEmpty) return;
      const due = Math.min(this.#leases.nextDue(), this.#verify.nextDue(), this.#retries.nextDue());
      await this.#sleep(due - this.#deps.clock.now(), signal);
    }
  }

  /** Renewals before writes: a large change must not let go what is there. */
  #dueJobs(session: SinkSession, signal: AbortSignal): readonly (() => Promise<void>)[] {
    const now = this.#deps.clock.now();
    const { atOnce } = this.#pace;
    const most = ROUND * atOnce;
    const leases = this.#leases.due(now, MOST_RENEWALS * atOnce);
    const renewals = leases.map((lease) => () => this.#renew(session, lease.key, lease.item, signal));
    for (const { item } of this.#verify.due(now, most - renewals.length)) {
      this.#dirty.add(item);
      this.#verify.put(item, item, VERIFY_MS, now);
    }
    for (const id of this.#retries.due(now)) this.#dirty.add(id);
    const names = [...this.#dirty].filter((id) => this.#retries.mayTry(id, now)).slice(0, most - renewals.length);
    return [...renewals, ...names.map((id) => () => this.#sync(session, id, signal))];
  }

  async #renew(session: SinkSession, key: string, entry: SinkEntry, signal: AbortSignal): Promise<void> {
    this.#lease(idOfLease(key), entry);
    try {
      if ((await session.renew(entry, signal)) === 'renewed') this.#counters.renewed += 1;
      else this.#dirty.add(idOfLease(key));
      this.#answered();
    } catch (thrown) {
      if (isUnanswered(thrown)) this.#lease(idOfLease(key), entry, 'now');
      this.#refused(idOfLease(key), thrown, signal);
    }
  }

  async #sync(session: SinkSession, id: string, signal: AbortSignal): Promise<void> {
    this.#dirty.delete(id); // before asking: what changes meanwhile makes it dirty again
    try {
      const at = this.#book.at(id);
      const listed = at === undefined ? [] : await session.list(at, signal);
      // Both what is wanted and which sources are complete are as after the answer: one that was read meanwhile is complete by now,
      // and what it wants was not wanted before.
      const steps = this.#plan(id, listed);
      const planned = this.#book.intend(id);
      for (const step of steps) await this.#do(session, id, step, signal);
      this.#book.done(id, planned, steps);
      this.#retries.forget(id);
      if (steps.some((step) => step.action === 'wait')) this.#waiting.add(id);
      if (this.#book.state(id) === undefined) this.#verify.delete(id);
      else this.#verify.put(id, id, VERIFY_MS, this.#deps.clock.now());
      this.#answered();
    } catch (thrown) {
      this.#dirty.add(id);
      this.#refused(id, thrown, signal);
    }
  }

  #plan(id: string, listed: readonly ListedEntry[]): readonly PlannedStep[] {
    const wanted = this.#book.wanted(id);
    const written = this.#book.written(id);
    const { meshId, isComplete } = this.#deps;
    const { owner } = this.#deps.writer;
    return planPublication({ meshId, owner, wanted, written, listed, changed: this.#book.hasChanged(id), isComplete });
  }

  async #do(session: SinkSession, id: string, { action, entry }: PlannedStep, signal: AbortSignal): Promise<void> {
    switch (action) {
      case 'register':
      case 'change':
        await session.register(entry, signal);
        this.#counters.registered += 1;
        this.#lease(id, entry);
        return;
      case 'deregister':
        await session.deregister(entry, signal);
        this.#counters.withdrawn += 1;
        this.#leases.delete(leaseKey(id, entry));
        return;
      case 'keep':
      case 'wait':
        this.#lease(id, entry);
        return;
      case 'leave':
        this.#leases.delete(leaseKey(id, entry));
        return;
      default:
        action satisfies never;
    }
  }

  #answered(): void {
    this.#pace.succeeded();
    this.#attempt = 0;
    this.#status = LIVE;
  }

  /** @throws what was thrown, when it is about the registry and not about that name. */
  #refused(id: string, thrown: unknown, signal: AbortSignal): void {
    if (signal.aborted) throw thrown;
    if (isUnanswered(thrown)) {
      if (thrown.code === 'registry.unreachable' || this.#pace.timedOut()) throw thrown;
      return; // asked again in the next round, with fewer at once
    }
    if (this.#status.state !== 'failing') this.#status = LIVE;
    this.#counters.failed += 1;
    this.#retries.failed(id, this.#deps.clock.now());
    this.#book.failed(id, messageOf(thrown));
  }

  #lease(id: string, entry: SinkEntry, when: 'now' | 'in time' = 'in time'): void {
    const period = when === 'now' ? 0 : Math.round(entry.ttlMs / RENEWALS);
    this.#leases.put(leaseKey(id, entry), entry, period, this.#deps.clock.now());
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (ms <= 0) return;
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    this.#wake = wake;
    // Not `AbortSignal.any`: Node 20 keeps a note of each with the one that lives long, and there are many sleeps.
    signal.addEventListener('abort', wake);
    if (!signal.aborted) await pause(Math.min(ms, 3_600_000), woken.signal);
    signal.removeEventListener('abort', wake);
    this.#wake = () => undefined;
  }
}

function leaseKey(id: string, entry: SinkEntry): string {
  return `${id} ${addressKey(entry)}`;
}

function idOfLease(key: string): string {
  return key.slice(0, key.indexOf(' ')); // ids are URL-encoded
}

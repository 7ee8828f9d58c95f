import { IsthmusError, messageOf } from '@isthmus/model';
import type { SourceId } from '@isthmus/model';
import { backoff, pause } from './backoff.ts';
import { eachLimited } from './each-limited.ts';
import { LeaseQueue } from './lease-queue.ts';
import { marksToMetadata } from './marks.ts';
import type {
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
import { SinkBook } from './sink-book.ts';
import { addressKey, entryOf, planPublication } from './sink-plan.ts';
import type { PlannedStep } from './sink-plan.ts';

/** Requests under way at once. */
const AT_ONCE = 16;
/** Pieces of work between two looks at what is most urgent. */
const ROUND = 256;
/** Of which at most so many are renewals: a registry that is just fast enough for those must not keep writes out. */
const MOST_RENEWALS = 192;
/** Every name is compared with the registry again after this long, ms: somebody may have registered the same address. */
const VERIFY_MS = 60_000;
/** Between two attempts to connect, and of one service that is refused; ms. */
const RETRY = { base: 500, most: 30_000 } as const;

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
  readonly #retries = new Map<string, { readonly attempt: number; readonly at: number }>();
  readonly #waiting = new Set<string>();
  readonly #counters = { registered: 0, renewed: 0, withdrawn: 0, failed: 0 };
  #status: SinkStatus = { state: 'idle' };
  #attempt = 0;
  #wake: () => void = () => undefined;

  constructor(id: SourceId, wire: SinkWire, deps: SinkDeps) {
    this.id = id;
    this.#wire = wire;
    this.#deps = deps;
    this.#book = new SinkBook(id, deps.ledger);
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
    this.#retries.delete(id);
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
        } else if (this.#book.isEmpty) await this.#rest({ state: 'idle' }, signal);
        else await this.#session(signal);
      }
    } finally {
      stopListening();
    }
  }

  async diff(signal: AbortSignal): Promise<readonly SinkChange[]> {
    const session = await this.#wire.connect(0, signal);
    const changes: SinkChange[] = [];
    try {
      await eachLimited(this.#book.ids(), AT_ONCE, async (id) => {
        for (const step of await this.#plan(session, id, signal)) if (step.action !== 'keep') changes.push(changeOf(step));
      });
    } finally {
      session.close();
    }
    return changes.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
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
        this.#renewAll();
        await this.#work(session, signal);
      } finally {
        session.close();
      }
    } catch (thrown) {
      if (signal.aborted) return;
      const since = this.#status.state === 'failing' ? this.#status.since : this.#deps.clock.now();
      this.#status = { state: 'failing', since, cause: messageOf(thrown) };
      this.#attempt += 1;
      await pause(backoff(this.#attempt, this.#deps.random, RETRY.base, RETRY.most), signal);
    }
  }

  /** What was written before is renewed and looked at first: its leases may be near their end, or the registry empty. */
  #renewAll(): void {
    const { meshId, writer } = this.#deps;
    for (const [id, publication] of this.#book.writtenOnes()) {
      for (const instance of publication.instances) this.#lease(id, entryOf(publication, instance, meshId, writer.owner), 0);
      this.#dirty.add(id);
    }
  }

  async #work(session: SinkSession, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#deps.writer.isWriter()) {
      const jobs = this.#dueJobs(session, signal);
      if (jobs.length > 0) {
        await eachLimited(jobs, AT_ONCE, async (job) => {
          if (!signal.aborted && this.#deps.writer.isWriter()) await job();
        });
        this.#attempt = 0;
        this.#status = { state: 'live' };
        continue;
      }
      if (this.#book.isEmpty) return;
      const retry = Math.min(Number.POSITIVE_INFINITY, ...[...this.#retries.values()].map(({ at }) => at));
      await this.#sleep(Math.min(this.#leases.nextDue(), this.#verify.nextDue(), retry) - this.#deps.clock.now(), signal);
    }
  }

  /** Renewals before writes: a large change must not let go what is there. */
  #dueJobs(session: SinkSession, signal: AbortSignal): readonly (() => Promise<void>)[] {
    const now = this.#deps.clock.now();
    const renewals = this.#leases.due(now, MOST_RENEWALS).map(
      ({ key, item }) =>
        () =>
          this.#renew(session, key, item, signal),
    );
    for (const { item } of this.#verify.due(now, ROUND - renewals.length)) {
      this.#dirty.add(item);
      this.#verify.put(item, item, VERIFY_MS, now);
    }
    for (const [id, { at }] of this.#retries) if (at <= now) this.#dirty.add(id);
    const names = [...this.#dirty].filter((id) => (this.#retries.get(id)?.at ?? 0) <= now).slice(0, ROUND - renewals.length);
    return [...renewals, ...names.map((id) => () => this.#sync(session, id, signal))];
  }

  async #renew(session: SinkSession, key: string, entry: SinkEntry, signal: AbortSignal): Promise<void> {
    this.#lease(idOfLease(key), entry);
    try {
      if ((await session.renew(entry, signal)) === 'renewed') this.#counters.renewed += 1;
      else this.#dirty.add(idOfLease(key));
    } catch (thrown) {
      if (!endsSession(thrown)) return this.#failed(idOfLease(key), thrown);
      this.#lease(idOfLease(key), entry, 0); // the next session renews it first
      throw thrown;
    }
  }

  async #sync(session: SinkSession, id: string, signal: AbortSignal): Promise<void> {
    this.#dirty.delete(id); // before asking: what changes meanwhile makes it dirty again
    try {
      const steps = await this.#plan(session, id, signal);
      this.#book.intend(id);
      for (const step of steps) await this.#do(session, id, step, signal);
      this.#book.done(id, steps);
      this.#retries.delete(id);
      if (steps.some((step) => step.action === 'wait')) this.#waiting.add(id);
      if (this.#book.state(id) === undefined) this.#verify.delete(id);
      else this.#verify.put(id, id, VERIFY_MS, this.#deps.clock.now());
    } catch (thrown) {
      this.#dirty.add(id);
      if (endsSession(thrown) || signal.aborted) throw thrown;
      this.#failed(id, thrown);
    }
  }

  async #plan(session: SinkSession, id: string, signal: AbortSignal): Promise<readonly PlannedStep[]> {
    const wanted = this.#book.wanted(id);
    const written = this.#book.written(id);
    const at = (wanted ?? written)?.at;
    if (at === undefined) return [];
    const listed = await session.list(at, signal);
    const { meshId, writer, isComplete } = this.#deps;
    return planPublication({
      meshId,
      owner: writer.owner,
      wanted,
      written,
      listed,
      changed: this.#book.hasChanged(id),
      isComplete,
    });
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

  #failed(id: string, thrown: unknown): void {
    this.#counters.failed += 1;
    const attempt = (this.#retries.get(id)?.attempt ?? 0) + 1;
    const at = this.#deps.clock.now() + backoff(attempt, this.#deps.random, RETRY.base, RETRY.most);
    this.#retries.set(id, { attempt, at });
    this.#book.failed(id, messageOf(thrown));
  }

  #lease(id: string, entry: SinkEntry, after = entry.ttlMs / this.#wire.renewalsPerTtl): void {
    const period = Math.round(entry.ttlMs / this.#wire.renewalsPerTtl);
    this.#leases.put(leaseKey(id, entry), entry, period, this.#deps.clock.now() - period + Math.round(after));
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (ms <= 0) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await pause(Math.min(ms, 3_600_000), AbortSignal.any([signal, woken.signal]));
    this.#wake = () => undefined;
  }
}

/** Errors that are about the server, not about one service. */
function endsSession(thrown: unknown): boolean {
  return IsthmusError.is(thrown) && (thrown.code === 'registry.unreachable' || thrown.code === 'registry.timeout');
}

function leaseKey(id: string, entry: SinkEntry): string {
  return `${id} ${addressKey(entry)}`;
}

function idOfLease(key: string): string {
  return key.slice(0, key.indexOf(' ')); // ids are URL-encoded
}

function changeOf({ action, entry, why }: PlannedStep): SinkChange {
  const { at, address, port, weight } = entry;
  const written = action === 'register' || action === 'change';
  const content = written ? { weight, metadata: { ...entry.metadata, ...marksToMetadata(entry.marks) } } : {};
  return { action: action as SinkChange['action'], at, address, port, why, ...content };
}

function sortKey({ at, address, port }: SinkChange): string {
  return `${at.namespace}/${at.group}/${at.name} ${address} ${port}`;
}

import { ownTurn } from '@isthmus/model';
import type { Diagnostic, Ledger, LedgerTable, Writer } from '@isthmus/model';
import type { Head } from './head.ts';
import { HeadKeeper } from './head-keeper.ts';
import type { HeadOwner, KeeperOptions, Prepared } from './head-owner.ts';
import { segmentOf, tableOf } from './segment.ts';
import type { SegmentName } from './segment.ts';
import { replicaDiagnostics, replicaStatus } from './replica-status.ts';
import type { ReplicaStatus } from './replica-status.ts';
import { StoredContent } from './stored-content.ts';
import type { Written } from './stored-content.ts';
import { SharedTables, sameValue } from './tables.ts';
import type { LedgerChange } from './tables.ts';
import { Teller } from './teller.ts';

/** What stays on this replica's disk: its own last known good, and a copy of what is shared for a start without the store. */
export interface LocalLedger extends Ledger {
  readonly diagnostics: readonly Diagnostic[];
  /** Resolves when everything changed so far is on disk. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface SharedLedgerOptions extends Omit<KeeperOptions, 'tables'> {
  readonly local: LocalLedger;
  /** Tables of the local copy that are shared. */
  readonly sharedTables: readonly LedgerTable[];
  /** What a leader decides of how things are now: who loses the lead before it is written, does not write it when it leads again. Default: nothing. */
  readonly endsWithLead?: (table: string, key: string) => boolean;
}

/** Changes put into their segments between two turns of the event loop, 2 ms. */
const STEP = 2_000;

/** A table of the store that is none of the catalog's. */
const FROZEN = 'frozen';

interface Batch extends Prepared, Written {
  readonly changes: readonly LedgerChange[];
}

/**
 * One ledger for several replicas. The leader's `put` and `delete` of a shared table take effect when the store has
 * them, on every replica alike; a follower's are kept as wishes until the leader decides the same entry, or until this
 * replica leads. The table `record` (last known good) is each replica's own (docs/adr/0016-replicas.md).
 */
export class SharedLedger implements Ledger, HeadOwner<Batch> {
  readonly writer: Writer;
  readonly #options: SharedLedgerOptions;
  readonly #keeper: HeadKeeper<Batch>;
  readonly #tables = new SharedTables();
  readonly #wanted = new Map<string, LedgerChange>();
  readonly #onCommitted = new Set<(changes: readonly LedgerChange[]) => void>();
  readonly #onChanged = new Set<() => void>();
  readonly #onAsked = new Set<(hosts: readonly string[]) => void>();
  readonly #onWriter = new Set<(isWriter: boolean) => void>();
  readonly #content: StoredContent;
  readonly #teller = new Teller((changes) => this.#tell(changes));
  #revision = 0;
  #lease: NodeJS.Timeout | undefined;
  #wasWriter = false;

  private constructor(options: SharedLedgerOptions) {
    this.#options = options;
    this.#content = new StoredContent(options.store, options.monotonic);
    this.#keeper = new HeadKeeper({ ...options, tables: [...options.sharedTables, FROZEN] }, this);
    this.writer = {
      isWriter: () => this.#keeper.isLeader,
      onChange: (callback) => {
        const listener = (is: boolean) => callback(is);
        this.#onWriter.add(listener);
        return () => void this.#onWriter.delete(listener);
      },
    };
    for (const table of options.sharedTables) {
      this.#tables.apply(
        options.local
          .entries(table)
          .entries()
          .map(([key, value]) => ({ table, key, value })),
      );
    }
  }

  /** Starts at once with what the local copy has; never waits for the store (see `loaded`). */
  static start(options: SharedLedgerOptions): SharedLedger {
    const ledger = new SharedLedger(options);
    ledger.#keeper.start();
    return ledger;
  }

  /** Resolves when the store was read, or with false after that many ms. */
  loaded(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const done = () => {
        if (this.#keeper.head === undefined) return;
        end(true);
      };
      const end = (is: boolean) => {
        clearTimeout(timer);
        forget();
        resolve(is);
      };
      const timer = setTimeout(() => end(false), withinMs);
      const forget = this.onChanged(done);
      done();
    });
  }

  /** Of the shared tables; equal on every replica that has the same content. */
  get revision(): number {
    return this.#revision;
  }

  get diagnostics(): readonly Diagnostic[] {
    return [...this.#options.local.diagnostics, ...replicaDiagnostics(this.status, this.#options.store.where)];
  }

  get status(): ReplicaStatus {
    return replicaStatus(this.#keeper, this.#options, this.#wanted.size);
  }

  get(table: LedgerTable, key: string): unknown {
    return this.#isShared(table) ? this.#tables.get(table, key) : this.#options.local.get(table, key);
  }

  entries(table: LedgerTable): ReadonlyMap<string, unknown> {
    return this.#isShared(table) ? this.#tables.entries(table) : this.#options.local.entries(table);
  }

  put(table: LedgerTable, key: string, value: unknown): void {
    if (this.#isShared(table)) this.#want({ table, key, value });
    else this.#options.local.put(table, key, value);
  }

  delete(table: LedgerTable, key: string): void {
    if (!this.#isShared(table)) this.#options.local.delete(table, key);
    else if (this.#keeper.isLeader) this.#want({ table, key, value: undefined });
    else this.#wanted.delete(`${table} ${key}`); // a follower takes back what it wished, not what the leader decided
  }

  /** A follower wants addresses for hosts that the leader seems not to see; it hears by its next renewal, a third of a lease. */
  ask(hosts: readonly string[]): void {
    void this.#keeper.ask(hosts);
  }

  /** Called on the leader with hosts that followers asked for. Must not throw. */
  onAsked(listener: (hosts: readonly string[]) => void): () => void {
    this.#onAsked.add(listener);
    return () => void this.#onAsked.delete(listener);
  }

  /** What the leader knew last of scopes whose registry is away: in the store alone, not in the local copy. */
  get frozen(): ReadonlyMap<string, unknown> {
    return this.#tables.entries(FROZEN);
  }

  /** Undefined: forget it. Only the leader's counts. */
  freeze(key: string, value: unknown): void {
    if (this.#keeper.isLeader) this.#want({ table: FROZEN, key, value });
  }

  /**
   * Called when entries changed for everyone, on every replica in the same order of revisions; in several turns when they are many, of
   * which `get` and `entries` have all from the first on. Must not throw.
   */
  onCommitted(listener: (changes: readonly LedgerChange[]) => void): () => void {
    this.#onCommitted.add(listener);
    return () => void this.#onCommitted.delete(listener);
  }

  /** Called when `status` changed. Must not throw. */
  onChanged(listener: () => void): () => void {
    this.#onChanged.add(listener);
    return () => void this.#onChanged.delete(listener);
  }

  async flush(): Promise<void> {
    await this.#teller.done;
    await this.#options.local.flush();
  }

  async close(): Promise<void> {
    clearTimeout(this.#lease);
    await this.#keeper.close();
    this.#content.close();
    await this.#options.store.close();
    await this.#teller.done;
    await this.#options.local.close();
  }

  #isShared(table: LedgerTable): boolean {
    return this.#options.sharedTables.includes(table);
  }

  #want(change: LedgerChange): void {
    const id = `${change.table} ${change.key}`;
    const isInForce = sameValue(this.#tables.get(change.table, change.key), change.value);
    // The write of a leader's wish before may be under way: then what is in force now will not be, unless this is written after it.
    if (isInForce && !(this.#keeper.isLeader && this.#wanted.has(id))) this.#wanted.delete(id);
    else this.#wanted.set(id, change);
    this.#keeper.wake();
  }

  // What the keeper asks for.

  get pending(): boolean {
    return this.#wanted.size > 0;
  }

  async load(head: Head, signal: AbortSignal): Promise<void> {
    const { changed, index } = await this.#content.read(head.content, signal);
    const content = new Map(changed);
    // What the local copy knows and the store does not have.
    for (const name of this.#tables.segmentNames()) if (!index.has(name)) content.set(name, new Map());
    // … and of a table that its leader does not have, it cannot have had.
    for (const name of content.keys()) if (!index.has(name) && !isSharedBy(head, tableOf(name))) content.delete(name);
    const changes: LedgerChange[] = [];
    for (const [name, entries] of content) {
      changes.push(...this.#tables.difference(name, tableOf(name), entries));
      await ownTurn(); // 64 segments of 150 entries each, after an outage
    }
    // The segments came in any order; what follows from them must not depend on it.
    changes.sort((a, b) => (a.key === b.key ? (a.table < b.table ? -1 : 1) : a.key < b.key ? -1 : 1));
    await ownTurn(); // sorting 10,000 of them is a turn
    this.#content.accept(head.content, index, false);
    this.#revision = head.revision;
    this.#apply(changes);
    await this.#teller.done; // who leads next gives addresses away by what it was told
  }

  async prepare(write: string, everything: boolean): Promise<Batch> {
    const changes = [...this.#wanted.values()];
    const touched = new Map<SegmentName, Map<string, unknown>>();
    if (everything) for (const name of this.#tables.segmentNames()) touched.set(name, new Map(this.#tables.segment(name)));
    for (const [n, { table, key, value }] of changes.entries()) {
      if (n % STEP === STEP - 1) await ownTurn();
      const name = segmentOf(table, key);
      let content = touched.get(name);
      if (content === undefined) touched.set(name, (content = new Map(this.#tables.segment(name))));
      if (value === undefined) content.delete(key);
      else content.set(key, value);
    }
    return { changes, ...(await this.#content.write(write, touched, everything)) };
  }

  committed(batch: Batch | undefined, head: Head): void {
    this.#revision = head.revision;
    if (batch !== undefined) this.#content.accept(batch.content, batch.index, true);
    void this.#content.sweep();
    this.#watchLease();
    if (batch === undefined) return;
    for (const change of batch.changes) {
      const id = `${change.table} ${change.key}`;
      if (this.#wanted.get(id) === change) this.#wanted.delete(id);
    }
    this.#apply(batch.changes);
  }

  asked(hosts: readonly string[]): void {
    if (hosts.length === 0) return;
    for (const listener of this.#onAsked) listener(hosts);
  }

  changed(): void {
    this.#watchLease();
    for (const listener of this.#onChanged) listener();
  }

  #apply(changes: readonly LedgerChange[]): void {
    if (changes.length === 0) return;
    this.#tables.apply(changes); // all in one turn: a revision is whole
    // A follower's wish has been decided; what the leader itself wants meanwhile is newer than what was written.
    const mayDiffer = this.#keeper.isLeader;
    if (this.#wanted.size > 0)
      for (const { table, key, value } of changes) {
        const id = `${table} ${key}`;
        if (!mayDiffer || sameValue(this.#wanted.get(id)?.value, value)) this.#wanted.delete(id);
      }
    this.#teller.add(changes);
  }

  #tell(changes: readonly LedgerChange[]): void {
    const { local } = this.#options;
    for (const { table, key, value } of changes) {
      if (!this.#isShared(table as LedgerTable)) continue; // what is frozen, and a table of a later version
      if (value === undefined) local.delete(table as LedgerTable, key);
      else local.put(table as LedgerTable, key, value);
    }
    for (const listener of this.#onCommitted) listener(changes);
  }

  #dropDecisions(): void {
    const { endsWithLead = () => false } = this.#options;
    for (const [id, { table, key }] of this.#wanted) if (endsWithLead(table, key)) this.#wanted.delete(id);
  }

  /** Tells when the lease starts, and when it runs out unrenewed. */
  #watchLease(): void {
    const is = this.#keeper.isLeader;
    clearTimeout(this.#lease);
    if (is) this.#lease = setTimeout(() => this.changed(), this.#options.leaseMs / 4).unref();
    if (is === this.#wasWriter) return;
    this.#wasWriter = is;
    if (!is) this.#dropDecisions();
    if (is) void this.#content.findOrphans(this.#keeper.head?.epoch ?? 0);
    for (const listener of this.#onWriter) listener(is);
  }
}

function isSharedBy({ tables }: Head, table: string): boolean {
  return tables?.includes(table) === true;
}

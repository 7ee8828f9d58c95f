import type { Ledger } from '@isthmus/model';
import type { Timers } from '@isthmus/xds';
import type { RegistrationReport } from './registration-report.ts';
import type { Row } from './row.ts';

/** A replica that says nothing for so long is gone, ms; it says something every 3 s. */
const SILENT_MS = 10_000;

export interface BookOptions {
  readonly ledger: Ledger;
  readonly timers: Timers;
  /** Steady, ms. */
  readonly now: () => number;
  readonly graceMs: () => number;
  /** How long a workload may take to come back that nobody has said to have, when this replica begins to lead, ms. */
  readonly returnMs: number;
  /** Workloads at a time, of all replicas. */
  readonly most: number;
}

interface Holder {
  next: number;
  heardAt: number;
  /** `at`: when it connected, of this replica's clock; of two at one time `order` decides. */
  readonly rows: Map<string, { readonly row: Row; readonly at: number; readonly order: number }>;
}

/**
 * On the replica that leads: which replica has which workload connected to it, and from that what is in the ledger. It is made anew
 * with each term; what the ledger has and nobody says to have stays for as long as proxies need to come back.
 */
export class RegistrationBook {
  readonly #options: BookOptions;
  readonly #replicas = new Map<string, Holder>();
  /** Those that go, each with what calls it off. */
  readonly #going = new Map<string, () => void>();
  /** Connected to replicas, and more than there is room for. */
  readonly #waiting = new Set<string>();
  /** New ones that are not written yet, or back while their end is written: they have their places already. */
  readonly #unwritten = new Set<string>();
  /** Whose end is not written yet. */
  readonly #ending = new Set<string>();
  #order = 0;

  constructor(options: BookOptions) {
    this.#options = options;
    for (const key of options.ledger.entries('registered').keys())
      this.#expire(key, Math.max(options.returnMs, options.graceMs()));
  }

  /** @returns false: something that this replica said before was not heard; it has to say all anew */
  take({ replica, seq, changes, ages }: RegistrationReport): boolean {
    const before = this.#replicas.get(replica);
    if (seq !== 0 && before?.next !== seq) return false;
    const holder = seq === 0 || before === undefined ? { next: 0, heardAt: 0, rows: new Map() } : before;
    // What it had and has not said anew may come with its next report, or to it: as if it had fallen silent now.
    const dirty = new Map(holder === before ? [] : [...(before?.rows.keys() ?? [])].map((key) => [key, SILENT_MS]));
    this.#replicas.set(replica, holder);
    holder.next = seq + 1;
    holder.heardAt = this.#options.now();
    for (const [n, [key, row]] of changes.entries()) {
      if (row === null) holder.rows.delete(key);
      else holder.rows.set(key, { row, at: holder.heardAt - (ages?.[n] ?? 0), order: (this.#order += 1) });
      dirty.set(key, 0);
    }
    for (const [key, moreMs] of dirty) this.#decide(key, moreMs);
    return true;
  }

  /** A row was written: also one that nobody has any more. Or it went: there is room, for itself first if it is back. */
  written(key: string): void {
    const isThere = this.#options.ledger.get('registered', key) !== undefined;
    // Else an end of before was written, and that it is back is not yet: it keeps its place.
    if (isThere || this.#ending.has(key)) this.#unwritten.delete(key);
    if (!isThere) this.#ending.delete(key);
    if (isThere || this.#last(key) !== undefined) this.#decide(key);
    for (const next of this.#waiting) {
      if (!this.#hasRoom) return;
      this.#decide(next);
    }
  }

  /** What a replica had that is not heard any more has the grace to come back at another. */
  forgetSilent(self: string): void {
    for (const [replica, { heardAt, rows }] of this.#replicas) {
      if (replica === self || this.#options.now() - heardAt < SILENT_MS) continue;
      this.#replicas.delete(replica);
      for (const key of rows.keys()) this.#decide(key);
    }
  }

  close(): void {
    for (const stay of this.#going.values()) stay();
    this.#going.clear();
  }

  /** Of several that have it (a proxy that moves, a connection that hangs) the one to which it connected last counts. */
  #last(key: string): Row | undefined {
    const [last] = [...this.#replicas.values()]
      .flatMap(({ rows }) => rows.get(key) ?? [])
      .sort((a, b) => b.at - a.at || b.order - a.order);
    return last?.row;
  }

  get #hasRoom(): boolean {
    const { ledger, most } = this.#options;
    return ledger.entries('registered').size + this.#unwritten.size < most;
  }

  #decide(key: string, moreMs = 0): void {
    const { ledger, graceMs } = this.#options;
    const row = this.#last(key);
    if (row === undefined) {
      this.#waiting.delete(key);
      return this.#expire(key, graceMs() + moreMs);
    }
    this.#going.get(key)?.();
    this.#going.delete(key);
    const isThere = ledger.get('registered', key) !== undefined;
    // Who waits already keeps its turn.
    if (!isThere && !this.#unwritten.has(key) && !this.#hasRoom) return void this.#waiting.add(key);
    this.#waiting.delete(key);
    ledger.put('registered', key, row);
    const isBack = this.#ending.delete(key);
    if (isBack || ledger.get('registered', key) === undefined) this.#unwritten.add(key);
  }

  #expire(key: string, ms: number): void {
    if (this.#going.has(key)) return;
    const stay = this.#options.timers.after(ms, () => {
      const { ledger } = this.#options;
      this.#going.delete(key);
      if (this.#unwritten.has(key) || ledger.get('registered', key) !== undefined) this.#ending.add(key);
      // Its place is free when this is written, and not before: its own row may be on the way.
      ledger.delete('registered', key);
    });
    this.#going.set(key, stay);
  }
}

import { readFile } from 'node:fs/promises';
import type { SharedLedger } from '@isthmus/ledger';
import { messageOf } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import type { Timers } from '@isthmus/xds';
import { notShared } from './refusals.ts';
import { RegistrationBook } from './registration-book.ts';
import { LONGEST_REGISTRATIONS } from './registration-report.ts';
import type { RegistrationReport } from './registration-report.ts';
import { isSame } from './row.ts';
import { rowOf } from './row.ts';
import type { Row } from './row.ts';
import { NoBridge, tellLeader } from './tell-leader.ts';

export { REGISTRATIONS_PATH } from './tell-leader.ts';
/** So long a proxy waits for the others that connect with it, ms. */
const GATHER_MS = 20;
const LOOK_MS = 1_000;
/** How often a replica that has workloads says that it is there, ms. */
const SIGN_MS = 3_000;
/** A workload that the ledger does not have by then counts here, and here alone, ms. */
const ALONE_MS = 5_000;
/** Where something else answers than a bridge, ms: at first, and after many times. */
const [LEAST_PAUSE_MS, MOST_PAUSE_MS] = [2_000, 30_000];
/** Of one report: the longest row, and what JSON adds, fit behind it. */
const PAGE = LONGEST_REGISTRATIONS / 4;

export interface SharedRegistrationsOptions {
  readonly ledger: Pick<SharedLedger, 'get' | 'put' | 'delete' | 'entries' | 'revision' | 'writer' | 'status' | 'onCommitted'>;
  readonly timers: Timers;
  /** Steady, ms. */
  readonly now: () => number;
  readonly graceMs: () => number;
  readonly returnMs: number;
  readonly most: number;
  /** The token that the other replicas take. */
  readonly token: () => Promise<string>;
  readonly fetch?: typeof fetch;
}

/**
 * The workloads of several replicas: each tells the leader which are connected to it, and all have what the ledger says then
 * (docs/adr/0025-auto-registration.md). Several together, and what changed only; a sign of life in between. What the leader does not
 * take counts here alone: better than not at all.
 */
export class SharedRegistrations {
  readonly #options: SharedRegistrationsOptions;
  /** Connected to this replica. */
  readonly #mine = new Map<string, Row>();
  /** When they connected last, of those of mine. */
  readonly #connectedAt = new Map<string, number>();
  readonly #unsaid = new Set<string>();
  /** The last of its connections here has ended. */
  disconnected(key: string): void {
    this.#connectedAt.delete(key);
    this.withdraw(key);
  }

  /** Those of mine that the ledger does not have, since when. */
  readonly #late = new Map<string, number>();
  readonly #alone = new Set<string>();
  #book: RegistrationBook | undefined;
  /** The leader's term that was told all but what is unsaid. */
  #term = '';
  #seq = 0;
  #saidAt = 0;
  #isSending = false;
  #problem = '';
  /** Whoever answers for the leader of this term is none: until then it is not asked. */
  #pause = { term: '', ms: 0, until: 0 };
  #changed: (keys: readonly string[]) => void = () => undefined;
  #stop: readonly (() => void)[] = [];

  constructor(options: SharedRegistrationsOptions) {
    this.#options = options;
  }

  /** @param changed what counts of these is another now */
  start(changed: (keys: readonly string[]) => void): void {
    const { ledger } = this.#options;
    this.#changed = changed;
    this.#stop = [
      ledger.onCommitted((changes) => {
        const keys = changes.flatMap(({ table, key }) => (table === 'registered' ? key : []));
        for (const key of keys) this.#committed(key);
        if (keys.length > 0) changed(keys);
      }),
      ledger.writer.onChange((isLeader) => this.#lead(isLeader)),
    ];
    this.#lead(ledger.writer.isWriter());
    this.#lookLater();
  }

  /** A proxy has connected: of all replicas the last to which it did counts. `offer` follows, if it is a workload. */
  connected(key: string): void {
    this.#connectedAt.set(key, this.#options.now());
    if (this.#mine.has(key)) this.#say(key);
  }

  /** Those of mine that the ledger does not have as they are. */
  unshared(): readonly string[] {
    return [...new Set([...this.#late.keys(), ...this.#alone])];
  }

  /** A workload is connected here, and as it says. */
  offer(key: string, row: Row): void {
    if (isSame(this.#mine.get(key), row)) return;
    this.#mine.set(key, row);
    if (isSame(this.#options.ledger.get('registered', key), row)) this.#settled(key);
    else if (!this.#late.has(key)) this.#late.set(key, this.#options.now());
    this.#say(key);
  }

  /** It is no workload now. */
  withdraw(key: string): void {
    this.#settled(key);
    if (!this.#mine.delete(key)) return;
    // Who has to be told all anew misses it by that too; while nobody leads they would add up.
    if (this.#term === '' && this.#unsaid.size > this.#options.most) this.#unsaid.delete(key);
    else this.#say(key);
  }

  /** What counts here. */
  row(key: string): Row | undefined {
    return this.#alone.has(key) ? this.#mine.get(key) : rowOf(key, this.#options.ledger.get('registered', key));
  }

  /** What another replica says. Undefined: this one does not lead. @returns false: it has to say all anew */
  receive(report: RegistrationReport): boolean | undefined {
    return this.#book?.take(report);
  }

  diagnostics(): readonly Diagnostic[] {
    return this.#alone.size === 0 ? [] : [notShared(this.#alone.size, this.#problem)];
  }

  close(): void {
    for (const stop of this.#stop) stop();
    this.#stop = [];
    this.#book?.close();
  }

  #committed(key: string): void {
    this.#book?.written(key);
    const mine = this.#mine.get(key);
    if (mine === undefined) return;
    const row = this.#options.ledger.get('registered', key);
    if (isSame(row, mine)) this.#settled(key);
    else if (row === undefined) {
      // Who leads has not heard of it, and it is here: it stays.
      this.#alone.add(key);
      this.#say(key);
    }
  }

  #settled(key: string): void {
    this.#late.delete(key);
    this.#alone.delete(key);
  }

  #lead(isLeader: boolean): void {
    this.#book?.close();
    this.#book = isLeader ? new RegistrationBook(this.#options) : undefined;
    this.#sayAll();
  }

  #sayAll(): void {
    this.#term = '';
    for (const key of this.#mine.keys()) this.#unsaid.add(key);
    this.#send();
  }

  #say(key: string): void {
    this.#unsaid.add(key);
    this.#send();
  }

  #send(): void {
    if (this.#isSending || this.#isPaused) return;
    this.#isSending = true;
    this.#options.timers.after(GATHER_MS, () => {
      void this.#sendAll().finally(() => (this.#isSending = false));
    });
  }

  async #sendAll(): Promise<void> {
    try {
      do {
        const report = this.#report();
        if (report !== undefined && !(await this.#deliver(report))) this.#term = '';
        else if (report !== undefined) this.#seq += 1;
        this.#saidAt = this.#options.now();
        this.#problem = '';
      } while (this.#stop.length > 0 && (this.#unsaid.size > 0 || (this.#term === '' && this.#mine.size > 0)));
    } catch (error) {
      if (error instanceof NoBridge) this.#rest();
      const { cause } = error as { readonly cause?: unknown };
      this.#problem = messageOf(cause ?? error); // `fetch` says only that it failed
      this.#term = ''; // nobody knows whether it was heard
    }
  }

  get #leadersTerm(): string {
    const { epoch, leader } = this.#options.ledger.status;
    return `${leader?.id} ${epoch}`;
  }

  get #isPaused(): boolean {
    return this.#pause.term === this.#leadersTerm && this.#options.now() < this.#pause.until;
  }

  #rest(): void {
    const before = this.#pause.term === this.#leadersTerm ? this.#pause.ms : 0;
    const ms = Math.min(MOST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, 2 * before));
    this.#pause = { term: this.#leadersTerm, ms, until: this.#options.now() + ms };
  }

  /** The next, of what fits. */
  #report(): RegistrationReport | undefined {
    const { id, leader } = this.#options.ledger.status;
    const term = this.#leadersTerm;
    if (leader === undefined) throw new Error('no replica leads');
    if (term !== this.#term) {
      this.#term = term;
      this.#seq = 0;
      for (const key of this.#mine.keys()) this.#unsaid.add(key);
    }
    const changes: [string, Row | null][] = [];
    const ages: number[] = [];
    const now = this.#options.now();
    let length = 0;
    for (const key of this.#unsaid) {
      if (length > PAGE || changes.length >= 1_000) break;
      this.#unsaid.delete(key);
      const row = this.#mine.get(key) ?? null;
      length += key.length + JSON.stringify(row).length;
      changes.push([key, row]);
      ages.push(Math.max(0, now - (this.#connectedAt.get(key) ?? now)));
    }
    return { replica: id, seq: this.#seq, changes, ages };
  }

  /** @returns false: it has to be told all anew */
  #deliver(report: RegistrationReport): boolean | Promise<boolean> {
    return this.#book?.take(report) ?? tellLeader(this.#options.ledger.status.leader?.control, report, this.#options);
  }

  #lookLater(): void {
    this.#stop = [...this.#stop.slice(0, 2), this.#options.timers.after(LOOK_MS, () => this.#look())];
  }

  #look(): void {
    const now = this.#options.now();
    // Who leads has heard all and holds to another's word, of a proxy that is connected there too: so do we.
    const isDecided = (key: string): boolean =>
      this.#problem === '' && this.#options.ledger.get('registered', key) !== undefined && !this.#unsaid.has(key);
    const late = [...this.#late].filter(([, since]) => now - since >= ALONE_MS).map(([key]) => key);
    for (const key of late) {
      this.#late.delete(key);
      if (!isDecided(key)) this.#alone.add(key);
    }
    const decided = [...this.#alone].filter(isDecided);
    for (const key of decided) this.#alone.delete(key);
    if (late.length + decided.length > 0) this.#changed([...late, ...decided]);
    this.#book?.forgetSilent(this.#options.ledger.status.id);
    const isDue = this.#unsaid.size > 0 || this.#term === '' || now - this.#saidAt >= SIGN_MS;
    if (this.#mine.size + this.#unsaid.size > 0 && isDue) this.#send();
    this.#lookLater();
  }
}

/** Of the tokens that all replicas take the first, else this one's own. */
export async function sharedToken(tokensFile: string | undefined, own: string): Promise<string> {
  const text = await readFile(tokensFile ?? own, 'utf8');
  return (
    text
      .split(/\r?\n/)
      .find((line) => line.trim() !== '')
      ?.trim() ?? ''
  );
}

import { within } from '@isthmus/model';
import type { LedgerHead } from '@isthmus/model';
import { Alarm } from './alarm.ts';
import { MOST_ASKS, formatHead, parseHead } from './head.ts';
import type { Head } from './head.ts';
import type { HeadOwner, KeeperOptions, Prepared } from './head-owner.ts';
import { FOLLOWER } from './keeper-role.ts';
import type { Role, Writing } from './keeper-role.ts';

/** A leader stops this much before others may take over: clocks differ in speed, and a write may be under way. */
const SAFETY = 0.8;

/**
 * Follows the head, and leads when nobody else does. Leading is nothing but having written the head last: a takeover is a
 * compare-and-set that raises the epoch, and makes every later write of the old leader fail. Locks and wall clocks play
 * no part; each replica measures with its own monotonic clock how long the head has not changed.
 */
export class HeadKeeper<P extends Prepared> {
  readonly #options: KeeperOptions;
  readonly #owner: HeadOwner<P>;
  readonly #stop = new AbortController();
  readonly #alarm = new Alarm();
  readonly #tag: string;
  #role: Role = FOLLOWER;
  #head: Head | undefined;
  /** Version of the head in the store; undefined: it has none. */
  #version: string | undefined;
  #seenAt = 0;
  #fresh = false;
  /** The store has an older state than we know: it was restored, or lost its data. */
  #wentBack = false;
  #contactAt: number | undefined;
  #problem: unknown;
  #failures = 0;
  #writes = 0;
  #isPreparing = false;
  /** Hosts whose question came too late for the head that it was put into. */
  #unasked: readonly string[] = [];
  #prepared: P | undefined;
  /** Writes whose outcome is not known. */
  readonly #unsure = new Map<string, Writing<P>>();
  #running: Promise<void> = Promise.resolve();

  constructor(options: KeeperOptions, owner: HeadOwner<P>) {
    this.#options = options;
    this.#owner = owner;
    this.#tag = Math.floor(options.random() * 2 ** 32).toString(36);
  }

  /** The head whose content is loaded. */
  get head(): Head | undefined {
    return this.#head;
  }

  /** Why the store cannot be used now. */
  get problem(): unknown {
    return this.#problem;
  }

  /** ms since the store answered last; undefined: never. */
  get silentMs(): number | undefined {
    return this.#contactAt === undefined ? undefined : this.#options.monotonic() - this.#contactAt;
  }

  /** ms since the head last changed, as seen from here. */
  get headAgeMs(): number {
    return this.#options.monotonic() - this.#seenAt;
  }

  get isLeader(): boolean {
    return this.#role.kind === 'leader' && this.#options.monotonic() < this.#role.validUntil;
  }

  start(): void {
    this.#running = this.#run();
  }

  wake(): void {
    this.#alarm.ring();
  }

  /**
   * A follower's question to the leader, beside what runs: the head with these hosts in it, if it is still the one we know, else
   * once more with the next one. Nothing else of it changes, so it prolongs nobody's lease.
   */
  async ask(hosts: readonly string[]): Promise<void> {
    const head = this.#head;
    const { store, self } = this.#options;
    if (this.#role.kind === 'leader' || !this.#fresh || head?.leader === undefined || head.leader.id === self.id) return;
    const asks = [...new Set([...head.asks, ...hosts])].slice(0, MOST_ASKS);
    if (asks.length === head.asks.length) return;
    this.#unasked = hosts;
    const text = formatHead({ ...head, asks });
    const version = await this.#call((signal) => store.writeHead(text, this.#version, signal)).catch(() => undefined);
    if (version !== undefined) this.#unasked = [];
  }

  /** Gives the lead away, if it has it. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#alarm.ring();
    await this.#running;
    if (!this.isLeader || this.#head === undefined) return;
    const head: Head = { ...this.#head, leader: undefined, write: this.#nextWrite(this.#head.epoch) };
    this.#role = FOLLOWER;
    const going = new AbortController().signal;
    const write = (signal: AbortSignal) => this.#options.store.writeHead(formatHead(head), this.#version, signal);
    await within(this.#deadlineMs, going, write).catch(() => undefined); // its lease ends by itself
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (this.#role.kind === 'leader') await this.#lead(this.#role);
        else await this.#follow();
      } catch (error) {
        if (signal.aborted) return;
        this.#say(error);
        const most = this.#options.leaseMs / 10;
        await this.#alarm.wait(Math.min(most, 20 * 2 ** this.#failures) * (0.5 + this.#options.random() / 2));
        this.#failures = Math.min(this.#failures + 1, 10);
      }
    }
  }

  /** The store answered. */
  #contact(): void {
    this.#contactAt = this.#options.monotonic();
    this.#failures = 0;
    this.#say(undefined);
  }

  #say(problem: unknown): void {
    const changed = (problem === undefined) !== (this.#problem === undefined);
    this.#problem = problem;
    if (changed) this.#owner.changed();
  }

  async #follow(): Promise<void> {
    const { store, monotonic } = this.#options;
    const due = this.#takeoverAt();
    const late = this.#fresh && monotonic() >= due;
    const stored = !this.#fresh || late ? await this.#call((s) => store.readHead(s)) : await this.#next(due - monotonic());
    if (stored === 'nothing') return;
    if (!this.#fresh || stored?.version !== this.#version) await this.#take(stored);
    else if (late) await this.#campaign();
    this.#contact();
  }

  /** Waits for a change until it is time to take over. */
  async #next(ms: number): Promise<LedgerHead | undefined | 'nothing'> {
    let isOver = false;
    try {
      return await within(ms, this.#stop.signal, (signal) => {
        signal.addEventListener('abort', () => (isOver = true));
        return this.#options.store.nextHead(this.#version, signal);
      });
    } catch (error) {
      if (isOver) return 'nothing';
      throw error;
    }
  }

  async #take(stored: LedgerHead | undefined): Promise<void> {
    const seenAt = this.#options.monotonic();
    let isQuestion = false; // the leader's own head, with a follower's question in it
    if (stored === undefined) {
      this.#wentBack = this.#head !== undefined;
    } else {
      const head = parseHead(stored.text, this.#options.store.where);
      this.#wentBack = this.#head !== undefined && (head.epoch < this.#head.epoch || head.revision < this.#head.revision);
      if (!this.#wentBack) {
        await this.#owner.load(head, this.#stop.signal);
        isQuestion = head.write === this.#head?.write;
        this.#head = head;
      }
    }
    this.#version = stored?.version;
    if (!isQuestion) this.#seenAt = seenAt;
    this.#fresh = true;
    this.#owner.changed();
    if (this.#unasked.length > 0) void this.ask(this.#unasked);
  }

  /** By our own clock. */
  #takeoverAt(): number {
    const { leaseMs, self, random } = this.#options;
    const head = this.#head;
    if (head?.leader?.id === self.id) return this.#seenAt; // we lost the store for a while, and nobody took over
    const free = this.#version === undefined || this.#wentBack || head === undefined || head.leader === undefined;
    // Spread, so that the first wins and the others see it.
    if (free) return this.#seenAt + random() * leaseMs * 0.05;
    return this.#seenAt + Math.max(leaseMs, head.leaseMs) * (1 + random() * 0.1);
  }

  async #campaign(): Promise<void> {
    const { store, self, tables, leaseMs, monotonic } = this.#options;
    const isNew = tables.some((table) => this.#head?.tables?.includes(table) !== true); // what it has of these nobody else knows
    const everything = this.#version === undefined || this.#wentBack || isNew;
    const epoch = (this.#head?.epoch ?? 0) + 1;
    const write = this.#nextWrite(epoch);
    const prepared = everything ? await this.#owner.prepare(write, true) : undefined;
    const revision = (this.#head?.revision ?? 0) + (everything ? 1 : 0);
    const { content } = prepared ?? this.#head ?? { content: [] };
    const asked = this.#head?.asks ?? [];
    const head: Head = { epoch, revision, leader: self, leaseMs, write, content, tables, asks: [] };
    const startedAt = monotonic();
    const version = await this.#call((signal) => store.writeHead(formatHead(head), this.#version, signal));
    if (version === undefined) return void (this.#fresh = false); // another was faster
    this.#wentBack = false;
    this.#won({ prepared, head, startedAt }, version);
    this.#owner.asked(asked);
  }

  async #lead(role: Extract<Role, { kind: 'leader' }>): Promise<void> {
    const now = this.#options.monotonic();
    if (now >= role.validUntil) return this.#stepDown();
    if (this.#prepared !== undefined || now >= role.renewAt) return this.#write();
    if (this.#owner.pending && !this.#isPreparing) void this.#prepare();
    await this.#alarm.wait(role.renewAt - now);
  }

  /** Beside the renewals: a large change must not cost the lease. */
  async #prepare(): Promise<void> {
    const epoch = this.#head?.epoch ?? 0;
    this.#isPreparing = true;
    try {
      const prepared = await this.#owner.prepare(this.#nextWrite(epoch), false);
      // Otherwise made for a state that another leader may have changed since.
      if (this.#role.kind === 'leader' && this.#head?.epoch === epoch) this.#prepared = prepared;
    } catch (error) {
      this.#say(error);
      await this.#alarm.wait(this.#options.leaseMs / 10);
    } finally {
      this.#isPreparing = false;
      this.#alarm.ring();
    }
  }

  async #write(): Promise<void> {
    const { store, self, tables, leaseMs, monotonic } = this.#options;
    const before = this.#head;
    if (before === undefined) return this.#stepDown();
    const prepared = this.#prepared;
    const write = this.#nextWrite(before.epoch);
    const { content } = prepared ?? before;
    const revision = before.revision + (prepared === undefined ? 0 : 1);
    const head: Head = { ...before, leader: self, leaseMs, write, revision, content, tables, asks: [] };
    const writing = { prepared, head, startedAt: monotonic() };
    this.#unsure.set(write, writing);
    const version = await this.#call((signal) => store.writeHead(formatHead(writing.head), this.#version, signal));
    if (version !== undefined) return this.#won(writing, version);
    const stored = await this.#call((signal) => store.readHead(signal));
    const found = stored === undefined ? undefined : parseHead(stored.text, store.where);
    const landed = this.#unsure.get(found?.write ?? '');
    if (stored === undefined || found === undefined) return this.#stepDown();
    if (landed !== undefined)
      this.#won(landed, stored.version); // an earlier try that we took for lost
    else if (found.write === before.write)
      this.#version = stored.version; // ours still, with a question in it
    else return this.#stepDown(); // another leads: we are fenced off
    this.#owner.asked(found.asks);
  }

  #won({ prepared, head, startedAt }: Writing<P>, version: string): void {
    const { leaseMs } = this.#options;
    const wasLeader = this.#role.kind === 'leader';
    this.#unsure.clear();
    if (prepared !== undefined && prepared === this.#prepared) this.#prepared = undefined;
    this.#version = version;
    this.#head = head;
    this.#seenAt = startedAt;
    this.#contact();
    this.#role = { kind: 'leader', validUntil: startedAt + leaseMs * SAFETY, renewAt: startedAt + leaseMs / 3 };
    this.#owner.committed(prepared, head);
    if (!wasLeader) this.#owner.changed();
  }

  #stepDown(): void {
    this.#role = FOLLOWER;
    this.#fresh = false;
    this.#prepared = undefined;
    this.#unsure.clear();
    this.#owner.changed();
  }

  #nextWrite(epoch: number): string {
    this.#writes += 1;
    return `e${epoch}-${this.#tag}-${this.#writes}`;
  }

  get #deadlineMs(): number {
    return Math.min(5_000, Math.max(200, this.#options.leaseMs / 3));
  }

  #call<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return within(this.#deadlineMs, this.#stop.signal, call);
  }
}

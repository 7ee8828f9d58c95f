import { pause } from '@isthmus/model';
import { parseJson } from './answer.ts';
import type { Answer } from './answer.ts';
import { ConsulFailure } from './failure.ts';
import { Limiter } from './limiter.ts';
import { ServiceReader } from './service-reader.ts';
import type { ReaderOptions } from './service-reader.ts';
import { ServiceWatchers } from './service-watchers.ts';
import type { Turns } from './turns.ts';

/** Reads at the same time while everything is read. */
const READERS = 16;
/** Connections that no watched service gets: list, probe, two check states, nodes, and later reads. */
export const RESERVED_CONNECTIONS = 14;
const LATER_READERS = RESERVED_CONNECTIONS - 6;
/** The list wakes up for every registration; a burst is taken in steps of this. A lone change never waits for it. */
const LIST_GAP_MS = 50;
/** Something between us and Consul answers at once instead of waiting: then we wait. */
const NOT_BLOCKING_MS = 1_000;
/** Blocking queries that are started per turn of the event loop. */
const STARTS_PER_TURN = 10;

export interface SessionOptions extends ReaderOptions {
  readonly turns: Turns;
  readonly waitMs: number;
  readonly probeMs: number;
  readonly graceMs: number;
  /** `X-Consul-Index` of the list when the last session ended; lower now means that Consul lost its data. */
  readonly listIndex: number;
}

/** One connection's life in one datacenter: a complete read, then blocking queries until Consul is lost. */
export class Session {
  readonly #o: SessionOptions;
  readonly #ended = new AbortController();
  readonly #lost = Promise.withResolvers<never>();
  readonly #reader: ServiceReader;
  readonly #watchers: ServiceWatchers;
  /** Each with a mark of its own: a service that went and came back is another one for a read that began before. */
  readonly #names = new Map<string, symbol>();
  readonly #reads = new Limiter(LATER_READERS);
  #listIndex: number;
  #verifying: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#o = options;
    this.#listIndex = options.listIndex;
    const { signal } = this.#ended;
    this.#reader = new ServiceReader(
      options,
      signal,
      () => this.#verify(),
      () => this.#watchers.tooMany(),
    );
    this.#watchers = new ServiceWatchers({
      ...options,
      reader: this.#reader,
      wait: () => this.#wait(),
      slots: options.client.capacity - RESERVED_CONNECTIONS,
      read: (name) => this.#read(name),
      signal,
      background: (task) => this.#background(task),
    });
  }

  get listIndex(): number {
    return this.#listIndex;
  }

  /** Runs until the signal aborts (resolves) or Consul is lost (rejects with a ConsulFailure). */
  async run(signal: AbortSignal): Promise<void> {
    const stop = Promise.withResolvers<void>();
    const onAbort = () => stop.resolve();
    signal.addEventListener('abort', onAbort);
    try {
      if (signal.aborted) return;
      this.#background(async () => {
        await this.#readAll();
        await this.#startWatching();
      });
      await Promise.race([this.#lost.promise, stop.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#ended.abort();
    }
  }

  get #over(): boolean {
    return this.#ended.signal.aborted;
  }

  #background(task: () => Promise<void>): void {
    task().catch((thrown: unknown) => this.#lost.reject(thrown));
  }

  #read(name: string): Promise<boolean> {
    const isWanted = this.#wanted(name);
    return this.#reads.run(() => this.#reader.read(name, isWanted));
  }

  #wanted(name: string): () => boolean {
    const mark = this.#names.get(name);
    return () => mark !== undefined && this.#names.get(name) === mark;
  }

  /** Up to a tenth less than configured, and Consul adds up to a sixteenth: renewals spread out. */
  #wait(): number {
    return this.#o.waitMs * (1 - 0.1 * this.#o.random());
  }

  async #readAll(): Promise<void> {
    const { client, state, scope, graceMs } = this.#o;
    const answer = await client.services({ dc: scope.namespace });
    if (this.#over) return;
    const lostData = answer.index < this.#listIndex && state.size > 0;
    state.startRead();
    for (const name of this.#reader.listed(answer).names) this.#names.set(name, Symbol(name));
    const next = this.#names.keys();
    const read = async () => {
      for (const name of next) await this.#reader.read(name, this.#wanted(name));
    };
    await Promise.all(Array.from({ length: READERS }, read));
    if (this.#over) return;
    this.#listIndex = answer.index;
    if (!lostData) return state.endRead(undefined);
    const was = `${client.server} came back with an older state (index ${answer.index} after ${this.#o.listIndex})`;
    state.endRead(`${was}: what it no longer lists is kept for ${graceMs / 1_000} s`);
    this.#background(async () => {
      await pause(graceMs, this.#ended.signal);
      if (!this.#over) state.release();
    });
  }

  async #startWatching(): Promise<void> {
    if (this.#over) return;
    this.#background(() => this.#watchList());
    this.#background(() => this.#probe());
    let started = 0;
    for (const name of this.#names.keys()) {
      if (this.#over) return;
      this.#watchers.add(name);
      started += 1;
      if (started % STARTS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#watchers.tellLimit();
  }

  async #watchList(): Promise<void> {
    const { client, scope, state } = this.#o;
    let failures = 0;
    while (!this.#over) {
      const asked = performance.now();
      try {
        // After a failure without waiting: an agent that lost its data would wait for an index of its past.
        const index = failures > 0 ? 0 : this.#listIndex;
        const answer = await client.services({ dc: scope.namespace, index, waitMs: this.#wait() });
        if (this.#over) return;
        const { names, complete } = this.#reader.listed(answer);
        const last = this.#listIndex;
        this.#expectNoPast(answer);
        failures = 0;
        this.#compare(names, complete);
        this.#listIndex = answer.index;
        if (answer.index !== last) this.#watchers.catalogChanged();
        state.settle();
        const took = performance.now() - asked;
        const gap = answer.index === last && took < LIST_GAP_MS ? NOT_BLOCKING_MS : LIST_GAP_MS - took;
        if (gap > 0) await pause(gap, this.#ended.signal);
      } catch (thrown) {
        if (this.#over) return;
        failures += 1;
        const again = thrown instanceof ConsulFailure && ['unreachable', 'timeout', 'leader', 'busy'].includes(thrown.kind);
        if (!again || failures > 1) throw thrown;
      }
    }
  }

  #expectNoPast(answer: Answer): void {
    const { client } = this.#o;
    if (answer.index >= this.#listIndex) return;
    throw new ConsulFailure('protocol', `${client.server} went back from index ${this.#listIndex} to ${answer.index}`);
  }

  /** Before a loss is believed that no blocking query told: is this still the Consul that we have read? */
  #verify(): Promise<void> {
    const ask = async () => this.#expectNoPast(await this.#o.client.services({ dc: this.#o.scope.namespace }));
    return (this.#verifying ??= ask().finally(() => (this.#verifying = undefined)));
  }

  #compare(listed: readonly string[], complete: boolean): void {
    for (const name of listed) {
      if (this.#names.has(name)) continue;
      this.#names.set(name, Symbol(name));
      this.#background(async () => {
        await this.#read(name);
        if (this.#over || !this.#names.has(name)) return;
        this.#watchers.add(name);
        this.#watchers.tellLimit();
      });
    }
    if (!complete) return; // what is not listed may only be hidden
    const now = new Set(listed);
    for (const name of this.#names.keys()) {
      if (now.has(name)) continue;
      this.#names.delete(name);
      this.#watchers.delete(name);
      this.#reader.forget(name);
      this.#watchers.tellLimit();
    }
  }

  /** A dead agent's connections stay open for minutes: a short call now and then tells. */
  async #probe(): Promise<void> {
    const { client, scope, probeMs, random } = this.#o;
    let failures = 0;
    while (!this.#over) {
      await pause(probeMs * (1 + 0.2 * random()), this.#ended.signal);
      if (this.#over) return;
      const asked = performance.now();
      try {
        const answer = await client.leader({ dc: scope.namespace });
        if (parseJson(answer.body, answer.contentType) === '')
          throw new ConsulFailure('leader', `${client.server} has no leader`);
        failures = 0;
      } catch (thrown) {
        if (this.#over) return;
        const kind = thrown instanceof ConsulFailure ? thrown.kind : undefined;
        // Slow because we are busy reading: other answers came meanwhile.
        if (kind === 'busy' || (kind === 'timeout' && client.lastAnswerMs > asked)) continue;
        failures += 1;
        if (failures > 1) throw thrown;
      }
    }
  }
}

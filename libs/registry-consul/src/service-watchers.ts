import { EventEmitter } from 'node:events';
import { backoff, pause } from '@isthmus/model';
import type { Scope } from '@isthmus/model';
import { nextIndex } from './answer.ts';
import type { ConsulClient } from './client.ts';
import { ConsulFailure } from './failure.ts';
import { notAllWatched } from './problems.ts';
import type { ScopeState } from './scope-state.ts';
import type { ServiceReader } from './service-reader.ts';
import { Sweep } from './sweep.ts';
import type { Turns } from './turns.ts';

/** Few enough for any limit; below this a watch is not worth having. */
const LEAST_SLOTS = 8;
const LOWER_EVERY_MS = 50;
/** Something between us and Consul answers at once instead of waiting: then we wait. */
const NOT_BLOCKING_MS = 1_000;

export interface WatchersOptions {
  readonly client: ConsulClient;
  readonly scope: Scope;
  readonly state: ScopeState;
  readonly reader: ServiceReader;
  readonly turns: Turns;
  readonly random: () => number;
  /** Milliseconds for the next blocking query. */
  readonly wait: () => number;
  /** Services that can have a blocking query at once. */
  readonly slots: number;
  /** Reads a service, bounded with all other reads. */
  readonly read: (name: string) => Promise<boolean>;
  readonly signal: AbortSignal;
  /** Runs a task; what it throws ends the session. */
  readonly background: (task: () => Promise<void>) => void;
}

/**
 * A blocking query for each service as long as there are slots; those that changed last have them.
 * The rest is left to the sweep.
 */
export class ServiceWatchers {
  readonly #o: WatchersOptions;
  readonly #names = new Set<string>();
  /** The one that changed last is at the end. */
  readonly #watched = new Map<string, EventEmitter>();
  #sweep: Sweep | undefined;
  #slots: number;
  #refused = false;
  #loweredMs = Number.NEGATIVE_INFINITY;

  constructor(options: WatchersOptions) {
    this.#o = options;
    this.#slots = Math.max(LEAST_SLOTS, options.slots);
  }

  add(name: string): void {
    if (this.#names.has(name)) return;
    this.#names.add(name);
    if (this.#watched.size < this.#slots) this.#watch(name);
    else this.#sweeper().add(name);
  }

  delete(name: string): void {
    this.#names.delete(name);
    this.#sweep?.delete(name);
    this.#unwatch(name);
  }

  /** The catalog changed: whatever has no blocking query is read once more. */
  catalogChanged(): void {
    this.#sweep?.all();
  }

  /** Consul refused a connection: from now on a tenth fewer are held. Many refusals at once count as one. */
  tooMany(): void {
    const now = performance.now();
    if (this.#o.signal.aborted || now - this.#loweredMs < LOWER_EVERY_MS) return;
    this.#loweredMs = now;
    this.#refused = true;
    this.#slots = Math.max(LEAST_SLOTS, Math.min(this.#slots, Math.floor(this.#watched.size * 0.9)));
    while (this.#watched.size > this.#slots) this.#demoteQuietest();
    this.tellLimit();
  }

  /** Says in the state how many services have to do without a blocking query. */
  tellLimit(): void {
    const all = this.#names.size;
    const some = this.#sweep !== undefined && all > this.#slots;
    this.#o.state.problem('limit', some ? notAllWatched(this.#o.scope, this.#slots, all, this.#refused) : undefined);
    this.#o.state.settle();
  }

  #sweeper(): Sweep {
    if (this.#sweep !== undefined) return this.#sweep;
    const { client, scope, state, wait, signal } = this.#o;
    const read = async (name: string) => {
      if (this.#names.has(name) && (await this.#o.read(name))) this.#promote(name);
    };
    const sweep = new Sweep({ client, dc: scope.namespace, wait, signal, on: (node) => state.on(node), read });
    this.#o.background(() => sweep.run());
    return (this.#sweep = sweep);
  }

  /** What changes now is likely to change again: it gets the slot of the service that was quiet longest. */
  #promote(name: string): void {
    if (this.#o.signal.aborted || !this.#names.has(name) || this.#watched.has(name)) return;
    if (this.#watched.size >= this.#slots) this.#demoteQuietest();
    this.#sweep?.delete(name);
    this.#watch(name);
  }

  #demoteQuietest(): void {
    const quiet = this.#watched.keys().next().value;
    if (quiet === undefined) return;
    this.#unwatch(quiet);
    this.#sweeper().add(quiet);
  }

  #watch(name: string): void {
    const cancel = new EventEmitter();
    this.#watched.set(name, cancel);
    this.#o.background(() => this.#run(name, cancel));
  }

  #unwatch(name: string): void {
    const cancel = this.#watched.get(name);
    this.#watched.delete(name);
    cancel?.emit('cancel');
  }

  async #run(name: string, cancel: EventEmitter): Promise<void> {
    const { client, scope, reader, turns, random, wait, signal } = this.#o;
    const current = () => !signal.aborted && this.#watched.get(name) === cancel;
    let failures = 0;
    while (current()) {
      const index = reader.index(name);
      let asked = 0;
      const ask = () => {
        asked = performance.now();
        // Whoever is cancelled before it was asked would wait on all the same.
        return current() ? client.health(name, { dc: scope.namespace, index, waitMs: wait(), cancel }) : undefined;
      };
      try {
        const answer = await turns.question(ask);
        const took = performance.now() - asked;
        if (answer === undefined || !current()) return;
        // While it waited for its turn the service may have gone, or been read anew by the sweep: then it is an answer of the past.
        const take = () => current() && reader.take(name, answer, index > 0, current);
        if (await turns.answer(take)) this.#touch(name, cancel);
        if (!current()) return;
        reader.setIndex(name, nextIndex(index, answer.index));
        failures = 0;
        if (answer.index <= index && took < 20) await pause(NOT_BLOCKING_MS, signal);
      } catch (thrown) {
        if (!current()) return;
        const kind = thrown instanceof ConsulFailure ? thrown.kind : undefined;
        if (kind === 'busy') {
          this.#unwatch(name);
          this.#sweeper().add(name);
          return this.tooMany();
        }
        failures += 1;
        reader.setIndex(name, 0); // an agent that lost its data would wait for an index of its past
        if (kind === 'answer') {
          reader.bad(name, thrown as ConsulFailure);
          await pause(backoff(failures, random, 500, 60_000), signal);
        } else if (failures > 1) throw thrown; // once may be a connection that Consul closed while it was idle
      }
    }
  }

  #touch(name: string, cancel: EventEmitter): void {
    if (this.#watched.get(name) !== cancel) return;
    this.#watched.delete(name);
    this.#watched.set(name, cancel);
  }
}

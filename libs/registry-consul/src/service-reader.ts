import { backoff, pause } from '@isthmus/model';
import type { Scope, ServiceKey } from '@isthmus/model';
import { parseJson } from './answer.ts';
import type { Answer } from './answer.ts';
import type { ConsulClient } from './client.ts';
import type { Decoder } from './decoder.ts';
import { ConsulFailure } from './failure.ts';
import { serviceNames } from './normalize.ts';
import { badAnswer, filteredList, filteredService } from './problems.ts';
import type { ScopeState } from './scope-state.ts';

/** Attempts of a read that Consul refuses because there are too many; other failures get one more. */
const BUSY_ATTEMPTS = 6;

export interface ReaderOptions {
  readonly client: ConsulClient;
  readonly scope: Scope;
  readonly state: ScopeState;
  readonly decoder: Decoder;
  readonly wants: (name: string) => boolean;
  readonly random: () => number;
  readonly hasToken: boolean;
}

interface Listed {
  readonly body: Buffer;
  readonly contentType: string;
  readonly size: number;
  /** Those that are wanted. */
  readonly names: readonly string[];
}

/** Reads the list and single services into the state, and knows which answers are not to be trusted. */
export class ServiceReader {
  readonly #o: ReaderOptions;
  readonly #signal: AbortSignal;
  readonly #verify: () => Promise<void>;
  readonly #onBusy: () => void;
  readonly #indexes = new Map<string, number>();
  /** The last list as it came: it comes after every registration, and few of them change a name. */
  #list: Listed | undefined;

  /**
   * `signal`: the end of the session; after it nothing reaches the state any more.
   * `verify` rejects when Consul is not the one that was read, but one that came back with an older state.
   * `onBusy` is called when Consul refuses a connection.
   */
  constructor(options: ReaderOptions, signal: AbortSignal, verify: () => Promise<void>, onBusy: () => void) {
    this.#o = options;
    this.#signal = signal;
    this.#verify = verify;
    this.#onBusy = onBusy;
  }

  /** `X-Consul-Index` of the service's last good answer; 0: read it without waiting. */
  index(name: string): number {
    return this.#indexes.get(name) ?? 0;
  }

  setIndex(name: string, index: number): void {
    this.#indexes.set(name, index);
  }

  forget(name: string): void {
    this.#indexes.delete(name);
    this.#o.state.problem(`service ${name}`, undefined);
    this.#o.state.gone(name);
  }

  /**
   * The names to read. `complete` is false when services may be hidden: then a name that is missing is not gone.
   * @throws ConsulFailure
   */
  listed(answer: Answer): { readonly names: readonly string[]; readonly complete: boolean } {
    if (answer.leaderless) throw new ConsulFailure('leader', `${this.#o.client.server} knows no leader`);
    const { size, names } = this.#named(answer);
    // Consul lists itself to everyone who may see anything; to a caller without a token it hides without saying so.
    const nothing = size === 0 && answer.denyByDefault && !this.#o.hasToken;
    const complete = !answer.filtered && !nothing;
    this.#o.state.problem('list', complete ? undefined : filteredList(this.#o.scope, nothing));
    return { names, complete };
  }

  #named({ body, contentType }: Answer): Listed {
    const last = this.#list;
    if (last?.contentType === contentType && last.body.equals(body)) return last;
    const all = serviceNames(parseJson(body, contentType));
    return (this.#list = { body, contentType, size: all.length, names: all.filter(this.#o.wants) });
  }

  /** Reads it now. True when that changed something. `isWanted`: as for `take`. @throws ConsulFailure when Consul is lost */
  async read(name: string, isWanted: () => boolean): Promise<boolean> {
    for (let attempt = 0; !this.#signal.aborted && isWanted(); attempt += 1) {
      try {
        const answer = await this.#o.client.health(name, { dc: this.#o.scope.namespace });
        return await this.take(name, answer, false, isWanted);
      } catch (thrown) {
        if (!isWanted()) return false;
        const kind = thrown instanceof ConsulFailure ? thrown.kind : undefined;
        if (kind === 'answer') return this.bad(name, thrown as ConsulFailure);
        if (attempt >= (kind === 'busy' ? BUSY_ATTEMPTS : 1)) throw thrown;
        if (kind !== 'busy') continue;
        this.#onBusy();
        await pause(backoff(attempt, this.#o.random), this.#signal);
      }
    }
    return false;
  }

  /** The answer cannot be used: the service stays as it was. */
  bad(name: string, failure: ConsulFailure): false {
    if (this.#signal.aborted) return false;
    this.#o.state.problem(`service ${name}`, badAnswer(this.#o.scope, name, failure));
    this.#indexes.delete(name);
    this.#o.state.settle();
    return false;
  }

  /**
   * Puts an answer into the state; true when something changed. `waited`: it comes from a blocking query.
   * `isWanted` is asked after each wait: an answer of a service that has gone meanwhile would bring it back for good, for
   * nobody asks about it any more.
   */
  async take(name: string, answer: Answer, waited: boolean, isWanted: () => boolean): Promise<boolean> {
    const { client, state, scope, hasToken } = this.#o;
    const isOver = () => this.#signal.aborted || !isWanted();
    if (isOver()) return false;
    if (answer.leaderless) throw new ConsulFailure('leader', `${client.server} knows no leader`);
    const key: ServiceKey = { ...scope, name };
    const decoded = this.#o.decoder.decode(key, answer);
    const reading = decoded instanceof Promise ? await decoded : decoded;
    if (isOver()) return false;
    if (state.loses(name, reading)) {
      // The streaming backend never says that it left something out (1.22.7): with ACLs a loss is asked for once more, in full.
      if (waited && answer.streaming && (hasToken || answer.denyByDefault)) {
        return this.take(name, await client.health(name, { dc: scope.namespace }), false, isWanted);
      }
      // A blocking query's answer follows from what we knew; a plain one may come from an agent restarted without its data.
      if (!waited) await this.#verify();
      if (isOver()) return false;
    }
    let limited = answer.filtered;
    if (!limited && !hasToken && answer.denyByDefault && reading.kind === 'none' && state.loses(name, reading)) {
      const list = await client.services({ dc: scope.namespace });
      if (isOver()) return false;
      limited = !this.listed(list).complete;
    }
    state.problem(`service ${name}`, limited ? filteredService(scope, name) : undefined);
    this.#indexes.set(name, answer.index);
    const changed = state.put(name, reading, limited);
    state.settle();
    return changed;
  }
}

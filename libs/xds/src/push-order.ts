import type { TypeUrl } from '@isthmus/model';
import type { TypeStream } from './type-stream.ts';
import { CDS, EDS, LDS, RDS } from './type-urls.ts';

/** Routes wait at most this long (ms) for an answer about clusters: a client whose clusters never warm still gets its routes. */
export const MAX_HOLD = 5_000;

/** However many answers come: routes that change with their clusters faster than the client answers go after this many ms. */
const MAX_HOLDS = 30_000;

/** What a returning client has and we do not know is taken from it no later than this (ms). */
const MAX_LEFTOVER = 5 * 60_000;

/** The same for a client that has no routes of ours at all. */
const MAX_LEFTOVER_ALONE = 15_000;

interface Cold {
  /** Of the view: the first that it may have come with. */
  readonly revision: number;
  /** The client refused them. */
  refused: boolean;
  /** Who refused them is waited for until then (ms since the epoch): from when it was first waited for. */
  until: number | undefined;
}

interface Hold {
  readonly since: number;
  /** When the last answer came, and how many there were by then. */
  heardAt: number;
  heard: number;
}

/**
 * Make before break towards one client. New clusters and their endpoints go first; listeners and routes follow once the
 * client has answered. What is removed goes last: `Retirement` for what the view has lost, here for what a client has
 * brought along from an earlier stream.
 */
export class PushOrder {
  readonly #streamsOf: (type: TypeUrl) => Iterable<TypeStream>;
  readonly #holds = new Map<TypeStream, Hold>();
  /** Endpoints of clusters of which the answer to CDS does not tell whether they have any. */
  readonly #cold = new Map<string, Cold>();
  /** Of these, how many were answered so far. */
  #warmed = 0;
  #leftoversSince: number | undefined;
  /** A stream that has answered has leftovers, or had some. */
  #mayHaveLeftovers = false;

  constructor(streamsOf: (type: TypeUrl) => Iterable<TypeStream>) {
    this.#streamsOf = streamsOf;
  }

  /**
   * Should a push of listeners or routes wait for clusters that are on their way? Those that came into the view with them or
   * before them are waited for; what changed of clusters since then, nothing of the push names.
   * @param awaitsClusters false: the answer to CDS is not waited for, only that to endpoints
   * @returns ms to wait at most until it is asked again; 0: it goes
   */
  holds(stream: TypeStream, now: number, awaitsClusters = true): number {
    if (stream.type !== LDS && stream.type !== RDS) return 0;
    let waits = false;
    let heard = this.#warmed;
    for (const clusters of this.#streamsOf(CDS)) {
      waits ||= (awaitsClusters ? clusters.answeredThrough : clusters.sentThrough) < stream.changedIn;
      heard += clusters.answers;
    }
    let rest = MAX_HOLD;
    for (const [name, cold] of this.#cold) {
      if (cold.revision > stream.changedIn) continue;
      // Other answers do not make this wait longer: one bad address must not hold up what is well.
      if (cold.refused) cold.until ??= now + MAX_HOLD;
      const left = (cold.until ?? Infinity) - now;
      if (left <= 0) this.#cold.delete(name);
      else [waits, rest] = [true, Math.min(rest, left)];
    }
    if (!waits) {
      this.#holds.delete(stream);
      return 0;
    }
    let hold = this.#holds.get(stream);
    if (hold === undefined) this.#holds.set(stream, (hold = { since: now, heardAt: now, heard }));
    if (heard !== hold.heard) Object.assign(hold, { heardAt: now, heard });
    rest = Math.min(rest, hold.heardAt + MAX_HOLD - now, hold.since + MAX_HOLDS - now);
    if (rest > 0) return rest;
    this.#holds.delete(stream);
    for (const [name, { revision }] of this.#cold) if (revision <= stream.changedIn) this.#cold.delete(name);
    return 0;
  }

  /**
   * Clusters were sent whose answer does not tell that they have endpoints. Where these come over streams of their own, or others
   * of the response are to stay cold, it does not tell that they are warm; over ADS Envoy answers CDS when they are, but also
   * endpoints that it refuses end the warming, with none, and that it says only then (`envoy.refused.real.test.ts`).
   * @param revision of the view: the first that they may have come with, not that in which they were sent. What is sent late is of now,
   *   but routes that wait for it may be of before.
   */
  awaitEndpoints(names: Iterable<string>, revision: number): void {
    for (const name of names) if (!this.#cold.has(name)) this.#cold.set(name, { revision, refused: false, until: undefined });
  }

  /** Nobody is told of these any more. */
  forget(endpoints: Iterable<string>): void {
    for (const name of endpoints) this.#cold.delete(name);
  }

  /**
   * What a client has brought along is known by its first answer.
   * @param endpoints of the client, as far as it has asked for them; `apart`: over other streams
   */
  answered({ type, subscription }: TypeStream, endpoints: TypeStream | 'apart' | undefined): void {
    if (subscription.leftovers.size > 0) this.#mayHaveLeftovers = true;
    // Who has answered and does not ask for the endpoints, of a cluster that it refused for one, never will.
    if (type === CDS && endpoints !== 'apart')
      for (const name of this.#cold.keys()) if (endpoints?.subscription.wants(name) !== true) this.#cold.delete(name);
    if (type !== EDS) return;
    for (const [name, cold] of this.#cold) {
      if (!subscription.wants(name) || subscription.isPending(name)) continue;
      // Who refuses its endpoints has a cluster without any: routes that moved to it now would find nobody.
      cold.refused = subscription.mayBeRejected(name);
      if (cold.refused) continue;
      this.#cold.delete(name);
      this.#warmed += 1;
    }
  }

  /**
   * Takes the leftovers from a client that goes by our listeners and routes.
   * @returns ms until it is worth looking again without a new answer; `dropped`: they may go; `none`: there are none
   */
  dropLeftovers(now: number): number | 'dropped' | 'none' {
    if (!this.#mayHaveLeftovers) return 'none'; // asked for at every answer of every client
    if (!this.#hasLeftovers(CDS) && !this.#hasLeftovers(EDS)) {
      this.#leftoversSince = undefined;
      this.#mayHaveLeftovers = false;
      return 'none';
    }
    const kept = [...this.#streamsOf(CDS), ...this.#streamsOf(EDS)];
    const since = (this.#leftoversSince ??= now);
    const routes = [...this.#streamsOf(LDS), ...this.#streamsOf(RDS)];
    const last = since + (routes.length === 0 ? MAX_LEFTOVER_ALONE : MAX_LEFTOVER);
    const accepted = routes.length > 0 && routes.every((stream) => stream.acceptedThrough === Infinity);
    if (!accepted && now < last) return last - now;
    for (const { subscription } of kept) subscription.drop();
    this.#leftoversSince = undefined;
    return 'dropped';
  }

  #hasLeftovers(type: TypeUrl): boolean {
    for (const { subscription } of this.#streamsOf(type)) if (subscription.leftovers.size > 0) return true;
    return false;
  }
}

/** The types of one stream in the order of pushes; others after them. */
export function inOrder(types: ReadonlyMap<TypeUrl, TypeStream>, order: readonly TypeUrl[]): TypeStream[] {
  const first = order.flatMap((type) => types.get(type) ?? []);
  if (first.length === types.size) return first;
  return [...first, ...[...types.values()].filter((stream) => !order.includes(stream.type))];
}

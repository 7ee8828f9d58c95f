import type { TypeUrl } from '@isthmus/model';
import type { TypeStream } from './type-stream.ts';
import { CDS, EDS, LDS, RDS } from './type-urls.ts';

/** Routes wait for clusters at most this long (ms): a client whose clusters never warm still gets its routes. */
export const MAX_HOLD = 5_000;

/** Under a steady stream of cluster changes routes wait for this many answers, not for the end of the stream. */
const MAX_ROUNDS = 2;

/** What a returning client has and we do not know is taken from it no later than this (ms). */
const MAX_LEFTOVER = 5 * 60_000;

/** The same for a client that has no routes of ours at all. */
const MAX_LEFTOVER_ALONE = 15_000;

interface Hold {
  readonly since: number;
  readonly answers: number;
  /** When the clusters had been answered: whose endpoints had not been. */
  cold: readonly string[] | undefined;
}

/**
 * Make before break towards one client. New clusters and their endpoints go first; listeners and routes follow once the
 * client has answered. What is removed goes last: `Retirement` for what the view has lost, here for what a client has
 * brought along from an earlier stream.
 */
export class PushOrder {
  readonly #streamsOf: (type: TypeUrl) => Iterable<TypeStream>;
  readonly #holds = new Map<TypeStream, Hold>();
  /** Endpoints of clusters that were sent over another stream than theirs: the answer to CDS does not tell that they are warm. */
  readonly #cold = new Set<string>();
  #leftoversSince: number | undefined;
  /** A stream that has answered has leftovers, or had some. */
  #mayHaveLeftovers = false;

  constructor(streamsOf: (type: TypeUrl) => Iterable<TypeStream>) {
    this.#streamsOf = streamsOf;
  }

  /**
   * Should a push of listeners or routes wait for the clusters that are on their way?
   * @param awaitsClusters false: only for their endpoints
   */
  holds(stream: TypeStream, now: number, awaitsClusters = true): boolean {
    if (stream.type !== LDS && stream.type !== RDS) return false;
    let onTheWay = false;
    let answers = 0;
    for (const clusters of this.#streamsOf(CDS)) {
      onTheWay ||= awaitsClusters && (clusters.subscription.inFlight !== undefined || clusters.subscription.isDue);
      answers += clusters.answers;
    }
    if (!onTheWay && this.#cold.size === 0) {
      this.#holds.delete(stream);
      return false;
    }
    let hold = this.#holds.get(stream);
    if (hold === undefined) {
      hold = { since: now, answers, cold: undefined };
      this.#holds.set(stream, hold);
    }
    // Of the clusters that come after that, the next push will be told to wait.
    if (!onTheWay || answers - hold.answers >= MAX_ROUNDS) hold.cold ??= [...this.#cold];
    // Without answers to CDS the rounds are not known: whatever of it is cold is waited for.
    const waits = !awaitsClusters || hold.cold === undefined || hold.cold.some((name) => this.#cold.has(name));
    if (waits && now - hold.since < MAX_HOLD) return true;
    this.#holds.delete(stream);
    for (const name of hold.cold ?? []) this.#cold.delete(name);
    return false;
  }

  /**
   * Clusters were sent whose endpoints come over streams of their own. (Over ADS Envoy answers CDS when the new clusters
   * are warm, and that is enough.)
   */
  awaitEndpoints(names: Iterable<string>): void {
    for (const name of names) this.#cold.add(name);
  }

  /** What a client has brought along is known by its first answer. */
  answered({ type, subscription }: TypeStream): void {
    if (subscription.leftovers.size > 0) this.#mayHaveLeftovers = true;
    if (type !== EDS) return;
    for (const name of this.#cold) if (subscription.wants(name) && !subscription.isPending(name)) this.#cold.delete(name);
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

import type { TypeUrl } from '@isthmus/model';
import type { TypeStream } from './type-stream.ts';
import { CDS, EDS, LDS, RDS } from './type-urls.ts';

type Types = ReadonlyMap<TypeUrl, TypeStream>;

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
}

/**
 * Make before break towards one client. New clusters and their endpoints go first; listeners and routes follow once the
 * client has answered (Envoy answers CDS when the new clusters are warm). What is removed goes last: `Retirement` for what
 * the view has lost, here for what a client has brought along from an earlier stream.
 */
export class PushOrder {
  readonly #holds = new Map<TypeUrl, Hold>();
  #leftoversSince: number | undefined;

  /** Should a push of listeners or routes wait for the clusters that are on their way? */
  holds(type: TypeUrl, types: Types, now: number): boolean {
    if (type !== LDS && type !== RDS) return false;
    const clusters = types.get(CDS);
    if (clusters?.subscription.inFlight === undefined) {
      this.#holds.delete(type);
      return false;
    }
    let hold = this.#holds.get(type);
    if (hold === undefined) {
      hold = { since: now, answers: clusters.answers };
      this.#holds.set(type, hold);
    }
    if (now - hold.since < MAX_HOLD && clusters.answers - hold.answers < MAX_ROUNDS) return true;
    this.#holds.delete(type);
    return false;
  }

  /**
   * Takes the leftovers from a client that goes by our listeners and routes.
   * @returns ms until it is worth to look again without a new answer; `dropped`: they may go; `none`: there are none
   */
  dropLeftovers(types: Types, now: number): number | 'dropped' | 'none' {
    const kept = [types.get(CDS), types.get(EDS)].flatMap((stream) => stream ?? []);
    if (!kept.some(({ subscription }) => subscription.leftovers.size > 0)) {
      this.#leftoversSince = undefined;
      return 'none';
    }
    const since = (this.#leftoversSince ??= now);
    const routes = [types.get(LDS), types.get(RDS)].flatMap((stream) => stream ?? []);
    const last = since + (routes.length === 0 ? MAX_LEFTOVER_ALONE : MAX_LEFTOVER);
    const accepted = routes.length > 0 && routes.every((stream) => stream.acceptedThrough === Infinity);
    if (!accepted && now < last) return last - now;
    for (const { subscription } of kept) subscription.drop();
    this.#leftoversSince = undefined;
    return 'dropped';
  }
}

import type { TypeUrl } from '@isthmus/model';
import type { TypeStream } from './type-stream.ts';
import { CDS, EDS, LDS, RDS } from './type-urls.ts';

type Types = ReadonlyMap<TypeUrl, TypeStream>;

/** Routes wait for clusters at most this long (ms): a client whose clusters never warm still gets its routes. */
export const MAX_HOLD = 5_000;

/** Removed clusters are kept for unsettled routes at most this long (ms). */
const MAX_RETIREMENT = 5 * 60_000;

/** Under a steady stream of cluster changes routes wait for this many answers, not for the end of the stream. */
const MAX_ROUNDS = 2;

interface Hold {
  readonly since: number;
  readonly answers: number;
}

/**
 * Make before break on one stream. New clusters and their endpoints go first; listeners and routes follow once the
 * client has answered (Envoy answers CDS when the new clusters are warm); what is removed goes last, when listeners and
 * routes without it were accepted.
 */
export class PushOrder {
  readonly #holds = new Map<TypeUrl, Hold>();
  #retiringSince: number | undefined;

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

  /** Should removals of this type be kept from the client for now? */
  retires(type: TypeUrl, types: Types, now: number): boolean {
    if ((type !== CDS && type !== EDS) || routesSettled(types)) return false;
    this.#retiringSince ??= now;
    return true;
  }

  /** Lets retired resources go when no route can name them any more. */
  release(types: Types, now: number): void {
    if (this.#retiringSince === undefined) return;
    if (!routesSettled(types) && now - this.#retiringSince < MAX_RETIREMENT) return;
    this.#retiringSince = undefined;
    types.get(CDS)?.subscription.release();
    types.get(EDS)?.subscription.release();
  }
}

/** A rejected update leaves the client with its old routes, which still name the old clusters: not settled. */
function routesSettled(types: Types): boolean {
  return (types.get(LDS)?.settled ?? true) && (types.get(RDS)?.settled ?? true);
}

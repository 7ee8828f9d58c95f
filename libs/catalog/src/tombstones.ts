import { endpointKey, takesTraffic } from '@isthmus/model';
import type { Endpoint, Ledger, ServiceId, Tombstone } from '@isthmus/model';

/** Most that are kept; the oldest go first. */
const MOST = 20_000;

export interface Refused {
  readonly endpoint: Endpoint;
  /** When its registration ended, ms since the epoch. */
  readonly buriedAt: number;
}

export interface Sifted {
  readonly listed: readonly Endpoint[];
  readonly refused: readonly Refused[];
}

const NONE: readonly Refused[] = [];

/**
 * Registrations that are over, so that an older view of one (a second server that lags, an answer that was under way)
 * does not bring it back. Only what its registry numbers (`Endpoint.incarnation`) can be told apart from an instance that
 * was started again; without a number, whoever is listed is believed (docs/adr/0011-deletion-safety.md).
 */
export class Tombstones {
  readonly #ledger: Ledger;
  readonly #ttlMs: number;

  constructor(ledger: Ledger, ttlMs: number) {
    this.#ledger = ledger;
    this.#ttlMs = ttlMs;
  }

  get size(): number {
    return this.#ledger.entries('tombstone').size;
  }

  bury(service: ServiceId, endpoint: Endpoint, now: number): void {
    if (endpoint.incarnation === undefined || this.#ttlMs === 0) return;
    const key = keyOf(service, endpoint);
    this.#ledger.delete('tombstone', key); // written again it is the youngest
    this.#ledger.put('tombstone', key, { incarnation: endpoint.incarnation, at: now } satisfies Tombstone);
    for (const [oldest, value] of this.#ledger.entries('tombstone')) {
      if (this.#ledger.entries('tombstone').size <= MOST && now - (value as Tombstone).at < this.#ttlMs) return;
      this.#ledger.delete('tombstone', oldest);
    }
  }

  /** Tells what is over from what lives. Never refuses the only instance that would take traffic. */
  sift(service: ServiceId, endpoints: readonly Endpoint[], now: number): Sifted {
    if (this.size === 0) return { listed: endpoints, refused: NONE };
    const refused: Refused[] = [];
    for (const endpoint of endpoints) {
      const buriedAt = this.#buriedAt(service, endpoint, now);
      if (buriedAt !== undefined) refused.push({ endpoint, buriedAt });
    }
    if (refused.length === 0) return { listed: endpoints, refused: NONE };
    const over = new Set(refused.map(({ endpoint }) => endpoint));
    const listed = endpoints.filter((endpoint) => !over.has(endpoint));
    return listed.some(takesTraffic) ? { listed, refused } : { listed: endpoints, refused: NONE };
  }

  /** When the refusal ends, ms since the epoch. */
  endOf(refused: Refused): number {
    return refused.buriedAt + this.#ttlMs;
  }

  #buriedAt(service: ServiceId, endpoint: Endpoint, now: number): number | undefined {
    if (endpoint.incarnation === undefined) return undefined;
    const stone = this.#ledger.get('tombstone', keyOf(service, endpoint)) as Tombstone | undefined;
    if (stone === undefined || endpoint.incarnation > stone.incarnation) return undefined;
    return now - stone.at < this.#ttlMs ? stone.at : undefined;
  }
}

function keyOf(service: ServiceId, endpoint: Endpoint): string {
  return `${service} ${endpointKey(endpoint)}`;
}

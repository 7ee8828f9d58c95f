import type { ProviderReport } from '@isthmus/contract';
import type { ProviderWindow } from '@isthmus/plans';

const MOST_PEERS = 20;

/** What came in at one process, for as long as every report of it arrived. */
export class ProviderRecord {
  #since: number;
  #inbound = 0;
  #unmarked = 0;
  #lastUnmarkedAt: number | undefined;
  #peers = new Map<string, number>();
  #registration: ProviderReport['registration'];
  #registrations: ProviderReport['registrations'];

  /** @param at ms since the epoch: what came before nobody counted here */
  constructor(at: number, registration: ProviderReport['registration']) {
    this.#since = at;
    this.#registration = registration;
  }

  /** @param complete no report before it was lost */
  add({ inbound, unmarked, peers, registration, registrations }: ProviderReport, at: number, complete: boolean): void {
    if (!complete) this.#since = at;
    this.#inbound += inbound;
    this.#unmarked += unmarked;
    this.#registration = registration;
    this.#registrations = registrations;
    if (unmarked === 0) return;
    this.#lastUnmarkedAt = at;
    for (const { address, calls } of peers) this.#peers.set(address, (this.#peers.get(address) ?? 0) + calls);
    if (this.#peers.size > MOST_PEERS) this.#peers = new Map([...this.#peers].sort((a, b) => b[1] - a[1]).slice(0, MOST_PEERS));
  }

  get registration(): ProviderReport['registration'] {
    return this.#registration;
  }

  window(instance: string, connected: boolean): ProviderWindow {
    return {
      instance,
      connected,
      since: this.#since,
      inbound: this.#inbound,
      unmarked: this.#unmarked,
      ...(this.#lastUnmarkedAt === undefined ? {} : { lastUnmarkedAt: this.#lastUnmarkedAt }),
      ...(this.#registrations === undefined ? {} : { registrations: this.#registrations }),
      peers: [...this.#peers].sort((a, b) => b[1] - a[1]).map(([address]) => address),
    };
  }
}

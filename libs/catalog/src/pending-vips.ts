import type { Clock, MeshHost } from '@isthmus/model';
import type { VipDecision } from './merge-service.ts';

/** How long a host waits for its address before it is published without one, ms. */
const LONGEST_WAIT_MS = 5_000;
/** … before the leader is asked for it: one that sees the host too has decided by then, ms. */
const ASK_AFTER_MS = 1_000;

/**
 * Hosts whose address the leader of the replicas has not given yet. A new host waits for it, so that every replica
 * publishes the same at the same revision of the ledger; but not for long, because HTTP needs no address of its own. A
 * host that was published already is never taken back for it.
 */
export class PendingVips {
  readonly #since = new Map<MeshHost, number>();
  readonly #proposals = new Map<MeshHost, string>();
  readonly #published = new Set<MeshHost>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  proposalOf(host: MeshHost): string | undefined {
    return this.#proposals.get(host);
  }

  propose(host: MeshHost, vip: string): void {
    this.#proposals.set(host, vip);
  }

  forget(host: MeshHost): void {
    this.#proposals.delete(host);
  }

  decided(host: MeshHost): void {
    this.#since.delete(host);
    this.#published.add(host);
  }

  decision(host: MeshHost, vip: string | undefined): VipDecision {
    if (vip !== undefined) {
      this.decided(host);
      return { vip, diagnostics: [] };
    }
    const since = this.#since.get(host) ?? this.#clock.now();
    this.#since.set(host, since);
    const isWithheld = !this.#published.has(host) && this.#clock.now() - since < LONGEST_WAIT_MS;
    return isWithheld ? { vip, diagnostics: [], isWithheld } : { vip, diagnostics: [] };
  }

  /** Hosts that wait, withheld or published without an address. */
  get hosts(): ReadonlySet<MeshHost> {
    return new Set(this.#since.keys());
  }

  /** Those of them that the leader seems not to see. */
  get overdue(): readonly MeshHost[] {
    const now = this.#clock.now();
    return [...this.#since].filter(([, since]) => now - since >= ASK_AFTER_MS).map(([host]) => host);
  }

  /** The host has no service any more. */
  drop(host: MeshHost): void {
    this.#since.delete(host);
    this.#published.delete(host);
  }

  /** Still withheld; the others of `hosts` are to be published now. */
  get withheld(): number {
    const now = this.#clock.now();
    let count = 0;
    for (const [host, since] of this.#since) if (!this.#published.has(host) && now - since < LONGEST_WAIT_MS) count += 1;
    return count;
  }
}

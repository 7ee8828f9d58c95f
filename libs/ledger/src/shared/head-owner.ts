import type { LedgerStore } from '@isthmus/model';
import type { Head, Replica } from './head.ts';

export interface KeeperOptions {
  readonly store: LedgerStore;
  readonly self: Replica;
  /** What the head says to be shared when this replica leads. */
  readonly tables: readonly string[];
  /** After this many ms without a sign of the leader another replica takes over. */
  readonly leaseMs: number;
  /** ms; must go on while the process is stopped. */
  readonly monotonic: () => number;
  readonly random: () => number;
}

/** What a leader wants to write: blobs that are in the store already. */
export interface Prepared {
  /** What the head is to name. */
  readonly content: readonly string[];
}

/** Who has the content; the keeper only knows the head. */
export interface HeadOwner<P extends Prepared> {
  /** Reads what the head names. Throws when it cannot; it is asked again then. */
  load(head: Head, signal: AbortSignal): Promise<void>;
  /** There is something that a leader would write. */
  readonly pending: boolean;
  /** Writes blobs for what is pending, or for everything there is (a store that lost its data). `write` is theirs alone. */
  prepare(write: string, everything: boolean): Promise<P>;
  committed(prepared: P | undefined, head: Head): void;
  /** This replica leads, and followers want addresses for these. */
  asked(hosts: readonly string[]): void;
  /** Role or health changed. */
  changed(): void;
}

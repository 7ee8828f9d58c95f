import type { Head } from './head.ts';

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
  /** Role or health changed. */
  changed(): void;
}

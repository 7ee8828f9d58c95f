import type { Head } from './head.ts';

export type Role =
  | { readonly kind: 'follower' }
  /** May write until then, by its own clock; the store's compare-and-set guards what is under way. */
  | { readonly kind: 'leader'; readonly validUntil: number; readonly renewAt: number };

export const FOLLOWER: Role = { kind: 'follower' };

/** A write of the head whose outcome is not known yet. */
export interface Writing<P> {
  readonly prepared: P | undefined;
  readonly head: Head;
  readonly startedAt: number;
}

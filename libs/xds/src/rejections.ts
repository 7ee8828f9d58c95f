import type { Clock } from '@isthmus/model';
import { hostOf } from './peer.ts';
import type { XdsEvent } from './xds-event.ts';

/** Clients that were turned away, or whose stream was ended, for one reason. */
export interface Rejection {
  /** Of the last one; IP and port. */
  readonly address: string;
  /** As it claims; `''` when it was turned away before it could say so. */
  readonly node: string;
  /** Name of the gRPC status. */
  readonly code: string;
  /** As the client was told. */
  readonly reason: string;
  /** How often, since it was first seen. */
  readonly count: number;
  /** ms since the epoch */
  readonly lastAt: number;
}

const MOST_KEPT = 100;
const MOST_CHARACTERS = 1_024;

/** The last of them, so that `proxy status` can tell who tries in vain. One client that tries again and again is one entry. */
export class Rejections {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Rejection>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Newest first. */
  get all(): readonly Rejection[] {
    return [...this.#entries.values()].toReversed();
  }

  note({ address, node, code, reason }: Extract<XdsEvent, { kind: 'refused' | 'ended' }>): void {
    const key = JSON.stringify([hostOf(address), node, code]);
    const count = (this.#entries.get(key)?.count ?? 0) + 1;
    this.#entries.delete(key);
    this.#entries.set(key, { address, node, code, reason: reason.slice(0, MOST_CHARACTERS), count, lastAt: this.#clock.now() });
    if (this.#entries.size > MOST_KEPT) for (const oldest of this.#entries.keys()) return void this.#entries.delete(oldest);
  }
}

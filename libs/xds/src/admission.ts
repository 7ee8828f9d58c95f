import type { Clock } from '@isthmus/model';
import { hostOf } from './peer.ts';
import type { NodeInfo, Peer } from './resource-provider.ts';

export interface AdmissionLimits {
  /** Streams at a time. */
  readonly streams: number;
  /** Of these, from one address (without its port). */
  readonly streamsPerPeer: number;
  /** Streams shorter than `SHORT` that one node may have in a row; after that, one for every `1 / returnsPerSecond` s. */
  readonly returns: number;
  readonly returnsPerSecond: number;
}

/** A stream that has lived less than this (ms) counts as one of a client that comes and goes. */
const SHORT = 5_000;
/** Nodes whose comings and goings are remembered; the oldest is forgotten. */
const MOST_NODES = 10_000;

interface Returns {
  left: number;
  at: number;
}

/**
 * Who may open a stream. What a client costs is mostly its first answer, so one that comes and goes has to wait: it would
 * take the time of the others.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #perPeer = new Map<string, number>();
  readonly #returns = new Map<string, Returns>();
  #open = 0;

  constructor(limits: AdmissionLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** @returns why not; undefined: it is counted now, and `leave` is to be called once */
  enter(peer: Peer): string | undefined {
    const { streams, streamsPerPeer } = this.#limits;
    const host = hostOf(peer.address);
    const ofPeer = this.#perPeer.get(host) ?? 0;
    if (this.#open >= streams) return `${streams} streams are open; connect to another replica`;
    if (ofPeer >= streamsPerPeer)
      return `${streamsPerPeer} streams of ${host} are open; close some, or connect to another replica`;
    this.#open += 1;
    this.#perPeer.set(host, ofPeer + 1);
    return undefined;
  }

  leave(peer: Peer): void {
    const host = hostOf(peer.address);
    this.#open -= 1;
    const left = (this.#perPeer.get(host) ?? 1) - 1;
    if (left === 0) this.#perPeer.delete(host);
    else this.#perPeer.set(host, left);
  }

  /** @returns why the node may not have another stream yet */
  mayReturn(peer: Peer, node: NodeInfo): string | undefined {
    const key = keyOf(peer, node);
    const returns = this.#returns.get(key);
    if (returns === undefined) return undefined;
    if (this.#refilled(returns) >= this.#limits.returns) this.#returns.delete(key);
    if (returns.left >= 1) return undefined;
    return `node "${node.id}" comes and goes: its last streams lasted less than ${SHORT / 1000} s each; wait before the next`;
  }

  /** @param since when the stream was opened, ms since the epoch */
  ended(peer: Peer, node: NodeInfo, since: number): void {
    if (this.#clock.now() - since >= SHORT) return;
    const key = keyOf(peer, node);
    const returns = this.#returns.get(key) ?? { left: this.#limits.returns, at: this.#clock.now() };
    returns.left = Math.max(0, this.#refilled(returns) - 1);
    this.#returns.delete(key); // to the end: the newest
    this.#returns.set(key, returns);
    if (this.#returns.size > MOST_NODES) for (const oldest of this.#returns.keys()) return void this.#returns.delete(oldest);
  }

  #refilled(returns: Returns): number {
    const now = this.#clock.now();
    returns.left = Math.min(this.#limits.returns, returns.left + ((now - returns.at) / 1_000) * this.#limits.returnsPerSecond);
    returns.at = now;
    return returns.left;
  }
}

function keyOf(peer: Peer, node: NodeInfo): string {
  return `${hostOf(peer.address)} ${node.id}`;
}

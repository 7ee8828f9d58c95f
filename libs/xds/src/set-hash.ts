import { hash } from 'node:crypto';
import type { Resource } from '@isthmus/model';

const MASK = (1n << 128n) - 1n;

/**
 * A hash over a set that costs one step per change, whatever the size of the set: the sum mod 2^128 of its members'
 * hashes. Independent of order, so equal on every replica. Good for "is it equal?" among those who mean well; no
 * signature, since sums can be forged by who chooses many members.
 */
export class SetHash {
  #sum: bigint;

  constructor(start = 0n) {
    this.#sum = start & MASK;
  }

  add(resource: Resource): void {
    this.#sum = (this.#sum + memberHash(resource)) & MASK;
  }

  remove(resource: Resource): void {
    this.#sum = (this.#sum - memberHash(resource)) & MASK;
  }

  get sum(): bigint {
    return this.#sum;
  }

  /** 32 hex digits. */
  toString(): string {
    return this.#sum.toString(16).padStart(32, '0');
  }
}

function memberHash(resource: Resource): bigint {
  // The length keeps ("ab", "c") and ("a", "bc") apart.
  return BigInt(`0x${hash('sha256', `${resource.name.length}:${resource.name}${resource.version}`, 'hex').slice(0, 32)}`);
}

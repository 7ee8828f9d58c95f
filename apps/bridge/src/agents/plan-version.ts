import { createHash } from 'node:crypto';

/**
 * The version of a set of targets: of its content alone, so that every replica and every run of the bridge has the same for the
 * same, and one changed target costs one hash: hashes of the targets are summed.
 */
export class PlanVersion {
  #high = 0;
  #low = 0;
  #count = 0;

  add(json: string): void {
    this.#sum(json, 1);
  }

  remove(json: string): void {
    this.#sum(json, -1);
  }

  get text(): string {
    return `${hex(this.#high)}${hex(this.#low)}-${this.#count}`;
  }

  #sum(json: string, sign: 1 | -1): void {
    const digest = createHash('sha256').update(json).digest();
    this.#high = (this.#high + sign * digest.readUInt32BE(0)) >>> 0;
    this.#low = (this.#low + sign * digest.readUInt32BE(4)) >>> 0;
    this.#count += sign;
  }
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}

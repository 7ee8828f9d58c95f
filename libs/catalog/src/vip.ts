import { crc32 } from 'node:zlib';
import type { Ledger, MeshHost } from '@isthmus/model';

/**
 * Addresses for services that go over MCP: istiod allocates none there (facts: since 1.25 that is a Kubernetes
 * controller). 240.241.0.0/16 is beside Istio's own 240.240.0.0/16, in class E, so no host has it.
 */
const PREFIX = '240.241';
const SIZE = 65_536;

/**
 * Allocates once and remembers in the ledger: hashing alone gave 688 collisions in 10,000 names, and probing without a
 * memory moved other services' addresses when one went away. An address is kept for a host that comes back.
 */
export class VipPool {
  readonly #ledger: Ledger;
  readonly #taken = new Set<string>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    for (const vip of ledger.entries('vip').values()) this.#taken.add(String(vip));
  }

  /** Undefined when all 65,534 addresses are given away. */
  addressOf(host: MeshHost): string | undefined {
    const known = this.#ledger.get('vip', host);
    if (typeof known === 'string') return known;
    if (this.#taken.size >= SIZE - 2) return undefined;
    for (let probe = crc32(host); ; probe += 1) {
      const n = probe % SIZE;
      if (n === 0 || n === SIZE - 1) continue; // look like a network and a broadcast address
      const vip = `${PREFIX}.${n >> 8}.${n & 255}`;
      if (this.#taken.has(vip)) continue;
      this.#taken.add(vip);
      this.#ledger.put('vip', host, vip);
      return vip;
    }
  }
}

import { crc32 } from 'node:zlib';
import { isFoundByCaller, serviceId } from '@isthmus/model';
import type { Clock, Ledger, MeshHost, ServiceId, ServiceRecord } from '@isthmus/model';
import type { CompiledRules } from './merge-rules.ts';
import type { VipDecision } from './merge-service.ts';
import { PendingVips } from './pending-vips.ts';

/**
 * Addresses for services that go over MCP: istiod allocates none there (facts: since 1.25 that is a Kubernetes
 * controller). 240.241.0.0/16 is beside Istio's own 240.240.0.0/16, in class E, so no host has it.
 */
const PREFIX = '240.241';
const SIZE = 65_536;

const NO_ADDRESS: VipDecision = { vip: undefined, diagnostics: [] };

/** Who is sent to an address of ours would be passed on to it: where callers say where to, none is given out. */
function isDialled([first]: readonly ServiceRecord[]): boolean {
  return first?.declared !== undefined && isFoundByCaller(first.declared);
}

interface Claim {
  readonly record: ServiceRecord;
  readonly host: MeshHost;
}

/**
 * The address of each host. One that a source declares (callers have it already) wins over one of ours; of two hosts that
 * declare the same the first in precedence has it, and the other says so.
 *
 * Ours are allocated once and remembered in the ledger: hashing alone gave 688 collisions in 10,000 names, and probing
 * without a memory moved other services' addresses when one went away. An address is kept for a host that comes back.
 */
export class Vips {
  readonly #ledger: Ledger;
  readonly #rules: CompiledRules;
  readonly #allocate: boolean;
  readonly #ownerOf = new Map<string, MeshHost>();
  readonly #claims = new Map<string, Map<ServiceId, Claim>>();
  readonly #claimOf = new Map<ServiceId, string>();
  /** Undefined: what is allocated is in force at once. */
  readonly pending: PendingVips | undefined;

  constructor(ledger: Ledger, rules: CompiledRules, allocate: boolean, clock: Clock) {
    this.#ledger = ledger;
    this.#rules = rules;
    this.#allocate = allocate;
    this.pending = ledger.writer === undefined || !allocate ? undefined : new PendingVips(clock);
    for (const [host, vip] of ledger.entries('vip')) this.#ownerOf.set(String(vip), host as MeshHost);
  }

  /** Follows what a record declares; the hosts whose address may change are dirty. */
  put(id: ServiceId, record: ServiceRecord, host: MeshHost, dirty: Set<MeshHost>): void {
    const vip = this.#rules.excludedBy(record.key) === undefined ? record.vip : undefined;
    const before = this.#claimOf.get(id);
    if (before !== undefined && before !== vip) this.remove(id, dirty);
    if (vip === undefined) return;
    const claims = this.#claims.get(vip) ?? new Map<ServiceId, Claim>();
    claims.set(id, { record, host });
    this.#claims.set(vip, claims);
    this.#claimOf.set(id, vip);
    if (before !== vip) this.#touch(vip, dirty);
  }

  /** Hosts that declare an address which another host has, and the service that has it. */
  losers(): ReadonlyMap<MeshHost, ServiceId> {
    const losers = new Map<MeshHost, ServiceId>();
    for (const [vip, claims] of this.#claims) {
      if (claims.size < 2) continue;
      const winner = this.#winner(vip);
      for (const { host } of claims.values())
        if (winner !== undefined && host !== winner.host) losers.set(host, serviceId(winner.record.key));
    }
    return losers;
  }

  remove(id: ServiceId, dirty: Set<MeshHost>): void {
    const vip = this.#claimOf.get(id);
    if (vip === undefined) return;
    this.#touch(vip, dirty);
    this.#claimOf.delete(id);
    this.#claims.get(vip)?.delete(id);
    if (this.#claims.get(vip)?.size === 0) this.#claims.delete(vip);
  }

  addressOf(host: MeshHost, members: readonly ServiceRecord[]): VipDecision {
    const declaring = members.find(({ vip }) => vip !== undefined);
    const declared = declaring?.vip;
    if (declaring === undefined || declared === undefined) return isDialled(members) ? NO_ADDRESS : this.#undeclared(host);
    const winner = this.#winner(declared);
    if (winner === undefined || winner.host === host) {
      this.pending?.decided(host);
      return { vip: declared, diagnostics: [] };
    }
    const vip = this.#allocated(host);
    const where = serviceId(declaring.key);
    return {
      vip,
      diagnostics: [
        {
          code: 'vip.conflict',
          severity: 'error',
          where,
          what: `${host} declares the address ${declared}, which ${winner.host} (${serviceId(winner.record.key)}) has already`,
          meaning: `calls to ${declared} reach ${winner.host}; ${host} has ${vip ?? 'no address'} instead`,
          remedy: 'give one of them another address where it is declared, or order the registries under merge.precedence',
        },
      ],
    };
  }

  /** What was written to a shared ledger; the hosts whose address changed are dirty. */
  changed(host: MeshHost, vip: string | undefined, dirty: Set<MeshHost>): void {
    const proposed = this.pending?.proposalOf(host);
    if (proposed !== undefined && proposed !== vip && this.#ownerOf.get(proposed) === host) this.#ownerOf.delete(proposed);
    this.pending?.forget(host);
    dirty.add(host);
    if (vip === undefined) return;
    const loser = this.#ownerOf.get(vip);
    this.#ownerOf.set(vip, host);
    if (loser === undefined || loser === host) return;
    // Another leader gave away what this one had only proposed.
    this.pending?.forget(loser);
    if (this.#ledger.get('vip', loser) === undefined) this.#ledger.delete('vip', loser);
    dirty.add(loser);
  }

  /** Another replica has a service under this host that is not seen here: it gets its address all the same. */
  promise(host: MeshHost): void {
    this.#allocated(host);
  }

  #undeclared(host: MeshHost): VipDecision {
    const vip = this.#allocated(host);
    if (this.pending === undefined || !this.#allocate) return { vip, diagnostics: [] };
    return this.pending.decision(host, vip);
  }

  #winner(vip: string): Claim | undefined {
    const claims = [...(this.#claims.get(vip)?.values() ?? [])];
    return claims.sort((a, b) => this.#rules.compare(a.record.key, b.record.key))[0];
  }

  #touch(vip: string, dirty: Set<MeshHost>): void {
    const owner = this.#ownerOf.get(vip);
    if (owner !== undefined) dirty.add(owner);
    for (const { host } of this.#claims.get(vip)?.values() ?? []) dirty.add(host);
  }

  /** Undefined when all 65,534 addresses are given away. */
  #allocated(host: MeshHost): string | undefined {
    if (!this.#allocate) return undefined;
    const known = this.#ledger.get('vip', host);
    if (typeof known === 'string' && !this.#claims.has(known)) return known;
    const proposed = this.pending?.proposalOf(host);
    if (this.#ledger.writer?.isWriter() === false) return undefined;
    if (proposed !== undefined && this.#ownerOf.get(proposed) === host && !this.#claims.has(proposed)) {
      this.#ledger.put('vip', host, proposed);
      return undefined;
    }
    if (this.#ownerOf.size >= SIZE - 2) return undefined;
    for (let probe = crc32(host); ; probe += 1) {
      const n = probe % SIZE;
      if (n === 0 || n === SIZE - 1) continue; // look like a network and a broadcast address
      const vip = `${PREFIX}.${n >> 8}.${n & 255}`;
      if (this.#ownerOf.has(vip) || this.#claims.has(vip)) continue;
      if (typeof known === 'string') this.#ownerOf.delete(known);
      this.#ownerOf.set(vip, host);
      this.#ledger.put('vip', host, vip);
      if (this.pending === undefined) return vip;
      this.pending.propose(host, vip);
      return undefined;
    }
  }
}

import { formatDuration, messageOf } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import type { Head, Replica } from './head.ts';
import type { KeeperOptions } from './head-owner.ts';

/** How this replica stands to the others. */
export interface ReplicaStatus {
  readonly id: string;
  readonly role: 'leader' | 'follower';
  /** Of the leader that is known last; 0: none ever. */
  readonly epoch: number;
  /** Of the shared ledger, as far as this replica has read it. */
  readonly revision: number;
  /** Who leads, as far as is known; undefined: nobody. */
  readonly leader: Replica | undefined;
  /** ms since the store answered; undefined: not since the start. */
  readonly storeSilentMs: number | undefined;
  /** Changes that wait for the leader, or for the store. */
  readonly waiting: number;
  /** Why the store cannot be used now. */
  readonly problem: string | undefined;
}

interface Keeper {
  readonly head: Head | undefined;
  readonly isLeader: boolean;
  readonly silentMs: number | undefined;
  readonly headAgeMs: number;
  readonly problem: unknown;
}

/** So many leases without a sign of it, and a leader counts as lost. */
const LOST_LEASES = 2;

export function replicaStatus(
  keeper: Keeper,
  { self, leaseMs }: Pick<KeeperOptions, 'self' | 'leaseMs'>,
  waiting: number,
): ReplicaStatus {
  const { head, isLeader } = keeper;
  const lost = keeper.headAgeMs > LOST_LEASES * Math.max(leaseMs, head?.leaseMs ?? 0);
  const other = head?.leader?.id === self.id || lost ? undefined : head?.leader;
  return {
    id: self.id,
    role: isLeader ? 'leader' : 'follower',
    epoch: head?.epoch ?? 0,
    revision: head?.revision ?? 0,
    leader: isLeader ? self : other,
    storeSilentMs: keeper.silentMs === undefined ? undefined : Math.round(keeper.silentMs),
    waiting,
    problem: keeper.problem === undefined ? undefined : messageOf(keeper.problem),
  };
}

export function replicaDiagnostics(status: ReplicaStatus, where: string): readonly Diagnostic[] {
  const { problem, leader, storeSilentMs } = status;
  const found: Diagnostic[] = [];
  if (problem !== undefined) {
    const since = storeSilentMs === undefined ? '' : `; it answered ${formatDuration(storeSilentMs)} ago`;
    found.push({
      code: 'ledger.unreachable',
      severity: 'error',
      where,
      what: `the shared ledger cannot be used: ${problem}${since}`,
      meaning: 'this replica goes on with what it has; nothing is written until the store answers again',
      remedy: 'look at the store, and at its rights for this bridge (docs/replicas.md)',
    });
  }
  if (leader === undefined) {
    found.push({
      code: 'ledger.no-leader',
      severity: 'warning',
      where,
      what: 'no replica leads',
      meaning: 'no new address is given away and no held removal is let through until one does',
      remedy: 'nothing, if it lasts no longer than a lease; else look whether the replicas reach the store',
    });
  }
  return found;
}

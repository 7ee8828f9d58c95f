import type { Problem, ReplicaView } from '@isthmus/contract';
import type { Engine } from '../engine/engine.ts';
import type { NotLeader } from '../engine/replicas.ts';

export function replicaView({ replicas, ledger }: Engine): ReplicaView {
  if (replicas === undefined)
    return { id: '', role: 'alone', epoch: 0, ledgerRevision: ledger.revision, waiting: 0, withheld: 0 };
  const { id, role, epoch, revision, leader, storeSilentMs, waiting, problem } = replicas.ledger.status;
  return {
    id,
    role,
    epoch,
    ledgerRevision: revision,
    ...(leader === undefined ? {} : { leader: leader.id }),
    ...(leader?.control === undefined ? {} : { leaderControl: leader.control }),
    ...(storeSilentMs === undefined ? {} : { storeSilentMs }),
    waiting,
    withheld: replicas.withheld,
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Where to ask instead (RFC 9110, 15.4.8: the method stays), or that there is nobody to ask now. */
export function elsewhere({ leader }: NotLeader, path: string): { readonly problem: Problem; readonly location?: string } {
  const base = { type: 'about:blank', title: 'Not the leader' };
  if (leader?.control !== undefined) {
    const location = `${leader.control}${path}`;
    const detail = `this replica follows ${leader.id}, which decides for all`;
    return { location, problem: { ...base, status: 307, detail, remedy: `ask ${leader.control}` } };
  }
  if (leader !== undefined) {
    const remedy = 'ask that replica; say under ledger.advertise where its control API is, and this answer names it';
    return { problem: { ...base, status: 409, detail: `this replica follows ${leader.id}, which decides for all`, remedy } };
  }
  const remedy = 'wait for a lease; `isthmus get replica` says who leads and whether the store is reached';
  return { problem: { ...base, status: 503, detail: 'no replica leads now, so nothing can be decided', remedy } };
}

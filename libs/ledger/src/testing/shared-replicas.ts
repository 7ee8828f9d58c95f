import { createHash } from 'node:crypto';
import { expect } from '@jest/globals';
import type { Diagnostic, LedgerTable } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { MemoryLedger } from '../memory-ledger.ts';
import { parseHead } from '../shared/head.ts';
import { SharedLedger } from '../shared/shared-ledger.ts';
import type { LocalLedger } from '../shared/shared-ledger.ts';
import { MemoryStore } from './memory-store.ts';
import type { MemoryServer } from './memory-store.ts';

const LEASE_MS = 300;

/** Stands for the file: keeps what it is told, also after its replica is gone. */
export class LocalCopy extends MemoryLedger implements LocalLedger {
  readonly diagnostics: readonly Diagnostic[] = [];
  flush = () => Promise.resolve();
  close = () => Promise.resolve();
}

export interface TestReplica {
  readonly ledger: SharedLedger;
  readonly store: MemoryStore;
  readonly local: LocalCopy;
  /** Digest of what this replica had at each revision. */
  readonly seen: Map<number, string>;
  /** Its clock goes on by so much at once, as after SIGSTOP. */
  jump(ms: number): void;
}

export const open: TestReplica[] = [];

export function replica(
  server: MemoryServer,
  id: string,
  local = new LocalCopy(),
  sharedTables: readonly LedgerTable[] = ['vip', 'held'],
  leaseMs = LEASE_MS,
): TestReplica {
  const store = new MemoryStore(server);
  let jumped = 0;
  const ledger = SharedLedger.start({
    store,
    local,
    sharedTables,
    self: { id },
    leaseMs,
    monotonic: () => performance.now() + jumped,
    random: Math.random,
    endsWithLead: (table, key) => table === 'held' && key.startsWith('now/'),
  });
  const seen = new Map<number, string>();
  ledger.onCommitted(() => seen.set(ledger.revision, digest(JSON.stringify([...ledger.entries('vip')].sort()))));
  const made: TestReplica = { ledger, store, local, seen, jump: (ms) => (jumped += ms) };
  open.push(made);
  return made;
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex');
export const vipsOf = ({ ledger }: TestReplica) => Object.fromEntries(ledger.entries('vip'));
export const leads = ({ ledger }: TestReplica) => ledger.writer.isWriter();

export async function leaderOf(
  ...replicas: readonly TestReplica[]
): Promise<{ leader: TestReplica; others: readonly TestReplica[] }> {
  await until('one leads', () => replicas.filter(leads).length === 1);
  return { leader: replicas.find(leads) as TestReplica, others: replicas.filter((r) => !leads(r)) };
}

/** Epochs never go back, and no epoch has two leaders: what "no double writer" means. */
export function expectOneWriterAtATime(server: MemoryServer): void {
  const heads = server.history.map((text) => parseHead(text, 'memory'));
  const leaders = new Map<number, string>();
  for (const [i, head] of heads.entries()) {
    const before = heads[i - 1];
    expect(head.epoch).toBeGreaterThanOrEqual(before?.epoch ?? 0);
    expect(head.revision).toBeGreaterThanOrEqual(before?.revision ?? 0);
    if (head.leader !== undefined) leaders.set(head.epoch, leaders.get(head.epoch) ?? head.leader.id);
    if (head.leader !== undefined) expect(leaders.get(head.epoch)).toBe(head.leader.id);
  }
}

/** "Same ledger revision" has to mean the same content everywhere. */
export function expectEqualByRevision(...replicas: readonly TestReplica[]): void {
  let compared = 0;
  for (const a of replicas) {
    for (const b of replicas.filter((other) => other !== a)) {
      for (const [revision, text] of a.seen) {
        if (!b.seen.has(revision)) continue; // it may have read two changes at once
        expect(b.seen.get(revision)).toBe(text);
        compared += 1;
      }
    }
  }
  expect(compared).toBeGreaterThan(0);
}

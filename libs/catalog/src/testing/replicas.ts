import { MemoryLedger, SharedLedger } from '@isthmus/ledger';
import { MemoryServer, MemoryStore } from '@isthmus/ledger/testing';
import { LEDGER_TABLES } from '@isthmus/model';
import type { Diagnostic, MeshHost } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { Catalog } from '../catalog.ts';
import { DEFAULT_RULES } from '../merge-rules.ts';
import { DEFAULT_GUARD } from '../removal-guard.ts';

/** A catalog and its part in a shared ledger; its time is the test's. */
export interface Replica {
  readonly catalog: Catalog;
  readonly ledger: SharedLedger;
  readonly store: MemoryStore;
  readonly server: MemoryServer;
  readonly local: MemoryLedger;
  readonly dirty: Set<MeshHost>;
  /** Its clock goes on by so much, and it looks every second. */
  pass(ms: number): void;
}

/** Of the test that runs; `closeReplicas` ends them. */
const replicas: Replica[] = [];

export async function closeReplicas(): Promise<void> {
  await Promise.all(replicas.splice(0).map(({ ledger }) => ledger.close()));
}

/** @param known what its file had */
export function replica(server: MemoryServer, id: string, leaseMs: number, known = new MemoryLedger()): Replica {
  const store = new MemoryStore(server);
  const local = Object.assign(known, {
    diagnostics: [] as Diagnostic[],
    flush: async () => undefined,
    close: async () => undefined,
  });
  const ledger = SharedLedger.start({
    store,
    local,
    sharedTables: ['vip', 'held'],
    self: { id },
    leaseMs,
    monotonic: () => performance.now(),
    random: Math.random,
  });
  let now = 1_000_000;
  const catalog = new Catalog({
    rules: DEFAULT_RULES,
    guard: DEFAULT_GUARD,
    ledger,
    clock: { now: () => now },
    allocateVips: true,
  });
  const dirty = new Set<MeshHost>();
  ledger.onCommitted((changes) => {
    for (const host of catalog.ledgerChanged(changes)) dirty.add(host);
    if (catalog.isLetGo) for (const host of catalog.confirmDue()) dirty.add(host);
  });
  const pass = (ms: number) => {
    for (const end = now + ms; now < end;) {
      now = Math.min(end, now + 1_000);
      catalog.confirmDue();
    }
  };
  const made: Replica = { catalog, ledger, store, server, local, dirty, pass };
  replicas.push(made);
  return made;
}

export async function pair(leaseMs = 10_000): Promise<{ readonly leader: Replica; readonly follower: Replica }> {
  const server = new MemoryServer();
  const [a, b] = [replica(server, 'a', leaseMs), replica(server, 'b', leaseMs)];
  await until('one leads', () => [a, b].filter((r) => r.ledger.writer.isWriter()).length === 1);
  return a.ledger.writer.isWriter() ? { leader: a, follower: b } : { leader: b, follower: a };
}

/** The file of a replica as it is now: what one has that is killed, and does not get what is written later. */
export function fileOf({ local }: Replica): MemoryLedger {
  const copy = new MemoryLedger();
  for (const table of LEDGER_TABLES) for (const [key, value] of local.entries(table)) copy.put(table, key, value);
  return copy;
}

import { MemoryLedger, SharedLedger } from '@isthmus/ledger';
import { MemoryServer, MemoryStore } from '@isthmus/ledger/testing';
import { WatchedCatalog } from '@isthmus/catalog/testing';
import type { HeldRemoval, LetGo } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { afterEach, expect, test } from '@jest/globals';
import { Replicas } from './replicas.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** The leader, with a clock that a test moves. */
async function leader() {
  const time = { now: 0, looks: 0 };
  const local = Object.assign(new MemoryLedger(), {
    diagnostics: [],
    flush: async () => undefined,
    close: async () => undefined,
  });
  const ledger = SharedLedger.start({
    store: new MemoryStore(new MemoryServer()),
    local,
    sharedTables: ['held'],
    self: { id: 'a' },
    leaseMs: 10_000,
    monotonic: () => performance.now(),
    random: Math.random,
  });
  const { catalog } = new WatchedCatalog(ledger);
  const monotonic = (): number => {
    time.looks += 1;
    return time.now;
  };
  const letGo = async (): Promise<void> => void catalog.confirmDue();
  const replicas = new Replicas(ledger, {
    ...{ catalog: () => catalog, touch: () => undefined, letGo, changed: () => undefined },
    monotonic,
    failed: (_, error) => {
      throw error;
    },
    worked: () => undefined,
  });
  closers.push(async () => {
    replicas.close();
    await ledger.close();
  });
  await until('it leads', () => ledger.writer.isWriter());
  const seen = async (): Promise<void> => {
    const { looks } = time;
    await until('it has looked', () => time.looks > looks);
  };
  return { ledger, time, seen };
}

test('what the leader lets go is said for ten minutes, and for as long as it holds anything of its scope', async () => {
  const { ledger, time, seen } = await leader();
  const held: HeldRemoval = { since: 1, removing: 1, of: 2, services: [] };
  const letGo: LetGo = { endpoints: [['10.0.0.1:80', 1]] };
  ledger.put('held', 'a/ns/holds', held);
  for (const scope of ['holds', 'through']) ledger.put('held', `/a/ns/${scope}/orders`, letGo);
  const said = (): readonly string[] => [...ledger.entries('held').keys()].filter((key) => key.startsWith('/')).sort();
  await until('it is said', () => said().length === 2);
  await seen();
  time.now += 599_000; // a replica may be stopped for so long
  await seen();
  expect(said()).toHaveLength(2);
  time.now += 2_000;
  await until('one is not said any more', () => said().length < 2);
  expect(said()).toEqual(['/a/ns/holds/orders']);
  ledger.delete('held', 'a/ns/holds');
  await until('nor the other', () => said().length === 0);
});

import { until } from '@isthmus/model/testing';
import { afterEach, expect, test } from '@jest/globals';
import { MemoryServer } from '../testing/memory-store.ts';
import { leaderOf, open, replica } from '../testing/shared-replicas.ts';
import type { TestReplica } from '../testing/shared-replicas.ts';
import { parseHead } from './head.ts';

afterEach(async () => {
  await Promise.all(open.splice(0).map(({ ledger }) => ledger.close()));
});

/** Runs once, when the store is to have what is wanted by then. */
function whileItIsWritten({ store, ledger }: TestReplica, run: () => void): void {
  const write = store.writeHead.bind(store);
  store.writeHead = (text, ...args) => {
    if (parseHead(text, '').revision === ledger.revision) return write(text, ...args); // the lease alone
    store.writeHead = write;
    run();
    return write(text, ...args);
  };
}

test.each([
  ['a new entry is deleted', undefined, '1', undefined],
  ['a change is taken back', '1', '2', '1'],
  ['an entry that is deleted is put again', '1', undefined, '1'],
])('what the leader wants last is in force, also where %s while the write before is under way', async (_, had, first, last) => {
  const leader = replica(new MemoryServer(), 'a');
  await leaderOf(leader);
  const { ledger } = leader;
  const want = (value: string | undefined) =>
    value === undefined ? ledger.delete('vip', 'orders') : ledger.put('vip', 'orders', value);
  want(had);
  await until('it has what it had', () => ledger.get('vip', 'orders') === had && ledger.status.waiting === 0);
  const told: unknown[] = [];
  ledger.onCommitted((changes) => told.push(...changes.map(({ value }) => value)));
  whileItIsWritten(leader, () => want(last));
  want(first);
  await until('all is written', () => told.length > 0 && ledger.status.waiting === 0);
  expect([ledger.get('vip', 'orders'), told]).toEqual([last, [first, last]]);
});

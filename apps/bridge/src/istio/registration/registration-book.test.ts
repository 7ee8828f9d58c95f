import { expect, test } from '@jest/globals';
import { MemoryLedger } from '@isthmus/ledger';
import { RegistrationBook } from './registration-book.ts';
import { keyOf } from './row.ts';
import type { Row } from './row.ts';
import { PassingClock } from './testing/passing-clock.ts';
import { SlowLedger } from './testing/slow-ledger.ts';

const row = (address: string): Row => ({
  claim: { node: 'n', namespace: 'shop', group: 'vm', address, network: '', labels: {}, locality: '', probed: false },
  well: true,
});
const says = (...addresses: readonly string[]) => addresses.map((one) => [keyOf(row(one).claim), row(one)] as const);

function begin(most = 10, ledger: MemoryLedger = new MemoryLedger()) {
  const clock = new PassingClock();
  const book = new RegistrationBook({ ledger, timers: clock, now: clock.now, graceMs: () => 0, returnMs: 60_000, most });
  return { clock, book, has: () => [...ledger.entries('registered').keys()] };
}

test('a replica that says all anew, in several reports, keeps what it has not come to yet as long as one that is silent', () => {
  const { clock, book, has } = begin();
  book.take({ replica: 'b', seq: 0, changes: says('10.0.0.1', '10.0.0.2', '10.0.0.3') });
  book.take({ replica: 'b', seq: 0, changes: says('10.0.0.1') });
  clock.pass(1_000);
  book.take({ replica: 'b', seq: 1, changes: says('10.0.0.2') });
  expect(has()).toEqual(['shop/vm-10.0.0.1', 'shop/vm-10.0.0.2', 'shop/vm-10.0.0.3']);
  clock.pass(9_000);
  expect(has()).toEqual(['shop/vm-10.0.0.1', 'shop/vm-10.0.0.2']);
});

test('one for which there was no room is registered when another goes, without being said again', () => {
  const { clock, book, has } = begin(1);
  book.take({ replica: 'a', seq: 0, changes: says('10.0.0.1') });
  book.take({ replica: 'b', seq: 0, changes: says('10.0.0.2', '10.0.0.3', '10.0.0.4') });
  book.take({ replica: 'b', seq: 1, changes: [['shop/vm-10.0.0.2', null]] });
  book.take({ replica: 'a', seq: 1, changes: [['shop/vm-10.0.0.1', null]] });
  expect(has()).toEqual(['shop/vm-10.0.0.1']);
  clock.pass(1);
  book.written('shop/vm-10.0.0.1');
  expect(has()).toEqual(['shop/vm-10.0.0.3']);
});

test('of a burst of several replicas no more are registered than there is room for, also before the first are written', () => {
  const ledger = new SlowLedger();
  const { clock, book, has } = begin(2, ledger);
  book.take({ replica: 'a', seq: 0, changes: says('10.0.0.1', '10.0.0.2', '10.0.0.3') });
  book.take({ replica: 'b', seq: 0, changes: says('10.0.0.4') });
  ledger.write(book);
  expect(has()).toEqual(['shop/vm-10.0.0.1', 'shop/vm-10.0.0.2']);
  book.take({ replica: 'a', seq: 1, changes: [['shop/vm-10.0.0.1', null]] });
  clock.pass(1);
  ledger.write(book);
  ledger.write(book);
  expect(has()).toEqual(['shop/vm-10.0.0.2', 'shop/vm-10.0.0.3']);
});

test('one that goes before it was written leaves its place to the next when that is written', () => {
  const ledger = new SlowLedger();
  const { clock, book, has } = begin(1, ledger);
  book.take({ replica: 'a', seq: 0, changes: says('10.0.0.1', '10.0.0.2') });
  book.take({ replica: 'a', seq: 1, changes: [['shop/vm-10.0.0.1', null]] });
  clock.pass(1);
  ledger.write(book);
  ledger.write(book);
  expect(has()).toEqual(['shop/vm-10.0.0.2']);
});

test('one that goes while it is written keeps its place until it is gone', () => {
  const ledger = new SlowLedger();
  const { clock, book, has } = begin(1, ledger);
  book.take({ replica: 'a', seq: 0, changes: says('10.0.0.1', '10.0.0.2') });
  ledger.write(book, () => {
    book.take({ replica: 'a', seq: 1, changes: [['shop/vm-10.0.0.1', null]] });
    clock.pass(1);
  });
  expect(has()).toEqual(['shop/vm-10.0.0.1']);
  ledger.write(book);
  expect(has()).toEqual([]);
  ledger.write(book);
  expect(has()).toEqual(['shop/vm-10.0.0.2']);
});

test.each([
  ['as it was', '10.0.0.1'],
  ['as another', 'v2'],
])('one that is back while its end is written, %s, has its place again before those that wait', (_, label) => {
  const ledger = new SlowLedger();
  const { clock, book, has } = begin(1, ledger);
  const [[key, old]] = says('10.0.0.1') as [readonly [string, Row]];
  const back: Row = label === '10.0.0.1' ? old : { ...old, claim: { ...old.claim, labels: { version: label } } };
  book.take({ replica: 'a', seq: 0, changes: says('10.0.0.1', '10.0.0.2') });
  ledger.write(book);
  book.take({ replica: 'a', seq: 1, changes: [[key, null]] });
  clock.pass(1);
  ledger.write(book, () => book.take({ replica: 'b', seq: 0, changes: [[key, back]] }));
  expect(has()).toEqual([]);
  ledger.write(book);
  expect([has(), ledger.get('registered', key)]).toEqual([[key], back]);
  expect(ledger.isWritten).toBe(true);
});

test('one that waits and is said anew keeps its turn', () => {
  const { clock, book, has } = begin(1);
  book.take({ replica: 'a', seq: 0, changes: says('10.0.0.1') });
  book.take({ replica: 'b', seq: 0, changes: says('10.0.0.2') });
  book.take({ replica: 'c', seq: 0, changes: says('10.0.0.3') });
  book.take({ replica: 'b', seq: 0, changes: says('10.0.0.2') });
  book.take({ replica: 'a', seq: 1, changes: [['shop/vm-10.0.0.1', null]] });
  clock.pass(1);
  book.written('shop/vm-10.0.0.1');
  expect(has()).toEqual(['shop/vm-10.0.0.2']);
});

test('the replica to which a proxy connected last has it, also when another, where its connection hangs, says all anew', () => {
  const ledger = new MemoryLedger();
  const { clock, book } = begin(10, ledger);
  const [[key, old]] = says('10.0.0.1') as [readonly [string, Row]];
  const now = { ...old, claim: { ...old.claim, labels: { version: 'v2' } } };
  const version = () => (ledger.get('registered', key) as Row).claim.labels['version'];
  book.take({ replica: 'a', seq: 0, changes: [[key, old]], ages: [0] });
  clock.pass(1_000);
  book.take({ replica: 'b', seq: 0, changes: [[key, now]], ages: [0] });
  clock.pass(1_000);
  book.take({ replica: 'a', seq: 0, changes: [[key, old]], ages: [2_000] });
  expect(version()).toBe('v2');
  clock.pass(1_000);
  book.take({ replica: 'a', seq: 1, changes: [[key, old]], ages: [0] });
  expect(version()).toBeUndefined();
});

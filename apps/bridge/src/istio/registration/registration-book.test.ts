import { expect, test } from '@jest/globals';
import { MemoryLedger } from '@isthmus/ledger';
import { RegistrationBook } from './registration-book.ts';
import { keyOf } from './row.ts';
import type { Row } from './row.ts';

const row = (address: string): Row => ({
  claim: { node: 'n', namespace: 'shop', group: 'vm', address, network: '', labels: {}, locality: '', probed: false },
  well: true,
});
const says = (...addresses: readonly string[]) => addresses.map((one) => [keyOf(row(one).claim), row(one)] as const);

/** Steady, ms; what is due runs when it passes. */
class Clock {
  #now = 0;
  readonly #due = new Map<object, { readonly at: number; readonly run: () => void }>();
  readonly now = () => this.#now;
  readonly after = (ms: number, run: () => void) => {
    const id = {};
    this.#due.set(id, { at: this.#now + ms, run });
    return () => void this.#due.delete(id);
  };

  pass(ms: number): void {
    this.#now += ms;
    for (const [id, { at, run }] of this.#due) {
      if (at > this.#now) continue;
      this.#due.delete(id);
      run();
    }
  }
}

/** As the store of the replicas: what is put counts when it is written. */
class SlowLedger extends MemoryLedger {
  readonly #wanted = new Map<string, unknown>();
  override put(_: 'registered', key: string, value: unknown): void {
    this.#wanted.set(key, value);
  }
  override delete(_: 'registered', key: string): void {
    if (this.get('registered', key) === undefined) this.#wanted.delete(key);
    else this.#wanted.set(key, undefined);
  }
  write(book: RegistrationBook): void {
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    for (const [key, value] of wanted) {
      if (value === undefined) super.delete('registered', key);
      else super.put('registered', key, value);
    }
    for (const [key] of wanted) book.written(key);
  }
}

function begin(most = 10, ledger: MemoryLedger = new MemoryLedger()) {
  const clock = new Clock();
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

test('one that goes before it was written leaves its place to the next', () => {
  const ledger = new SlowLedger();
  const { clock, book, has } = begin(1, ledger);
  book.take({ replica: 'a', seq: 0, changes: says('10.0.0.1', '10.0.0.2') });
  book.take({ replica: 'a', seq: 1, changes: [['shop/vm-10.0.0.1', null]] });
  clock.pass(1);
  ledger.write(book);
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

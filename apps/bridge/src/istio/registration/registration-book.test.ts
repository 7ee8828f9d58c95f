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

function begin(most = 10) {
  const clock = new Clock();
  const ledger = new MemoryLedger();
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

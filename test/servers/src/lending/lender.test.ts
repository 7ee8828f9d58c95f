import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { until } from '@isthmus/model/testing';
import { afterEach, expect, test } from '@jest/globals';
import { Lender } from './lender.ts';
import type { Answer, LenderOptions, LentKind } from './lender.ts';

/** A kind of servers that only have a number and things on them. */
class Shop {
  readonly things = new Map<number, string>();
  readonly ended: number[] = [];
  /** Why none starts. */
  closed: string | undefined;
  /** Clients of the last borrower that bring back what is taken away, so many times. */
  stubborn = 0;
  looks = 0;
  #started = 0;

  get started(): number {
    return this.#started;
  }

  readonly kind: LentKind = {
    start: () => {
      if (this.closed !== undefined) return Promise.reject(new Error(this.closed));
      const number = (this.#started += 1);
      return Promise.resolve({ ports: { number }, stop: async () => void this.ended.push(number) });
    },
    contents: {
      left: ({ number = 0 }) => {
        this.looks += 1;
        return Promise.resolve(this.things.get(number) ?? '');
      },
      clear: ({ number = 0 }) => {
        if (this.stubborn > 0) this.stubborn -= 1;
        else this.things.delete(number);
        return Promise.resolve();
      },
    },
  };
}

let lender: Lender | undefined;
const loans: Socket[] = [];
const told: string[] = [];

async function open(shop: Shop, options: LenderOptions = {}): Promise<Lender> {
  told.length = 0;
  lender = await Lender.open(
    { shop: shop.kind },
    { onLeft: (kind, left) => told.push(`${kind}: ${left}`), lookEveryMs: 1, ...options },
  );
  return lender;
}

afterEach(async () => {
  for (const loan of loans.splice(0)) loan.destroy();
  await lender?.close();
});

interface Loan {
  readonly answer: Answer;
  giveBack(): Promise<void>;
}

async function borrow(from: Lender, kind = 'shop'): Promise<Loan> {
  const loan = connect(from.port, '127.0.0.1');
  loans.push(loan);
  loan.write(`${kind}\n`);
  const [text] = (await once(createInterface(loan), 'line')) as [string];
  const giveBack = async (): Promise<void> => {
    loan.end();
    await once(loan, 'close');
  };
  return { answer: JSON.parse(text) as Answer, giveBack };
}

const number = (value: number): Answer => ({ ports: { number: value } });

test('what is given back is lent again, empty', async () => {
  const shop = new Shop();
  const from = await open(shop);
  const first = await borrow(from);
  shop.things.set(1, 'an instance');
  await first.giveBack();
  expect((await borrow(from)).answer).toEqual(number(1));
  expect([...shop.things]).toEqual([]);
  expect([shop.started, shop.ended, told]).toEqual([1, [], []]);
});

test('nobody has a server that somebody else has', async () => {
  const shop = new Shop();
  const from = await open(shop);
  const all = await Promise.all([borrow(from), borrow(from), borrow(from)]);
  const numbers = all.map(({ answer }) => ('ports' in answer ? answer.ports['number'] : undefined));
  expect(new Set(numbers)).toEqual(new Set([1, 2, 3]));
});

test('what a client brings back for a while is taken away until it stays away, and who asks meanwhile waits for that', async () => {
  const shop = new Shop();
  const from = await open(shop);
  const first = await borrow(from);
  shop.things.set(1, 'an instance');
  shop.stubborn = 3;
  await first.giveBack();
  expect((await borrow(from)).answer).toEqual(number(1));
  expect([shop.stubborn, [...shop.things]]).toEqual([0, []]);
});

test('a server that does not become empty is ended, told, and lent to nobody', async () => {
  const shop = new Shop();
  const from = await open(shop, { emptyWithinMs: 1 });
  const first = await borrow(from);
  shop.things.set(1, 'an instance');
  shop.stubborn = Infinity;
  await first.giveBack();
  expect((await borrow(from)).answer).toEqual(number(2));
  expect([shop.ended, told]).toEqual([[1], ['shop: an instance']]);
});

test('a server on which something appears while nobody has it is ended, told, and lent to nobody', async () => {
  const shop = new Shop();
  const from = await open(shop);
  await (await borrow(from)).giveBack();
  await until('it is found empty twice, and kept', () => shop.looks === 2);
  shop.things.set(1, 'an instance');
  shop.stubborn = Infinity;
  expect((await borrow(from)).answer).toEqual(number(2));
  expect([shop.ended, told]).toEqual([[1], ['shop: an instance']]);
});

test('of those that nobody has the most that are kept are kept', async () => {
  const shop = new Shop();
  const from = await open(shop, { mostIdle: 1 });
  const all = await Promise.all([borrow(from), borrow(from), borrow(from)]);
  await Promise.all(all.map((loan) => loan.giveBack()));
  await until('two are ended', () => shop.ended.length === 2);
});

test('one that nobody wants for a while is ended', async () => {
  const shop = new Shop();
  const from = await open(shop, { idleMs: 1 });
  await (await borrow(from)).giveBack();
  await until('it is ended', () => shop.ended.length === 1);
  expect((await borrow(from)).answer).toEqual(number(2));
});

test('why one does not start is told to who asked, and the next one may have better luck', async () => {
  const shop = new Shop();
  const from = await open(shop);
  shop.closed = 'no java';
  expect((await borrow(from)).answer).toEqual({ error: 'no java' });
  shop.closed = undefined;
  expect((await borrow(from)).answer).toEqual(number(1));
});

test('of what there is not it says what there is', async () => {
  const from = await open(new Shop());
  expect((await borrow(from, 'oracle')).answer).toEqual({ error: 'nobody lends that; there are shop' });
});

test('its end is that of all servers, also of those that somebody has', async () => {
  const shop = new Shop();
  const from = await open(shop);
  const [first] = await Promise.all([borrow(from), borrow(from)]);
  await first.giveBack();
  await from.close();
  expect(shop.ended.toSorted()).toEqual([1, 2]);
});

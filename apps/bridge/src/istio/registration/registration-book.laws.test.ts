import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RegistrationBook } from './registration-book.ts';
import { keyOf } from './row.ts';
import type { Row } from './row.ts';
import { PassingClock } from './testing/passing-clock.ts';
import { SlowLedger } from './testing/slow-ledger.ts';

const row = (address: number, version: string): Row => {
  const claim = { node: 'n', namespace: 'shop', group: 'vm', address: `10.0.0.${address}`, network: '', locality: '' };
  return { claim: { ...claim, labels: { version }, probed: false }, well: true };
};

const says = fc.record({
  what: fc.constant('says' as const),
  replica: fc.constantFrom('a', 'b'),
  address: fc.integer({ min: 1, max: 3 }),
  version: fc.constantFrom('v1', 'v2', undefined, undefined), // undefined: it is not connected there any more
});
const step = fc.oneof({ arbitrary: says, weight: 3 }, fc.constant({ what: 'pass' as const }));
const write = fc.record({ what: fc.constant('write' as const), meanwhile: fc.array(step, { maxLength: 3 }) });
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

test('there are never more in the ledger than there is room for, and in the end all that are connected, or as many as fit', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 }), fc.array(fc.oneof(step, write), { maxLength: 40 }), (most, steps) => {
      const ledger = new SlowLedger();
      const clock = new PassingClock();
      const book = new RegistrationBook({
        ...{ ledger, timers: clock, now: clock.now, most },
        graceMs: () => 10,
        returnMs: 60_000,
      });
      const seqs = new Map<string, number>();
      const connected = new Map<string, Map<string, Row>>([['a', new Map()], ['b', new Map()]]); // prettier-ignore
      const isWithin = () => expect(ledger.entries('registered').size).toBeLessThanOrEqual(most);
      const take = (one: Step): void => {
        if (one.what === 'pass') clock.pass(20);
        if (one.what !== 'says') return;
        const { replica, address, version } = one;
        const said = version === undefined ? null : row(address, version);
        const key = keyOf(row(address, '').claim);
        if (said === null) connected.get(replica)?.delete(key);
        else connected.get(replica)?.set(key, said);
        const seq = seqs.get(replica) ?? 0;
        seqs.set(replica, seq + 1);
        book.take({ replica, seq, changes: [[key, said]] });
      };
      for (const one of steps) {
        if (one.what === 'write') ledger.write(book, () => one.meanwhile.forEach(take));
        else take(one);
        isWithin();
      }
      for (let round = 0; round < 20; round += 1) {
        clock.pass(20);
        ledger.write(book);
        isWithin();
      }
      const keys = new Set([...connected.values()].flatMap((rows) => [...rows.keys()]));
      const has = [...ledger.entries('registered')];
      expect(has.length).toBe(Math.min(most, keys.size));
      for (const [key, value] of has) expect([...connected.values()].map((rows) => rows.get(key))).toContainEqual(value);
    }),
    { numRuns: 500 },
  );
});

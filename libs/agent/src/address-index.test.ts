import { describe, expect, test } from '@jest/globals';
import type { AgentPlan } from '@isthmus/contract';
import fc from 'fast-check';
import { AddressIndex, ipv4Of, portOf } from './address-index.ts';
import { addressesOf, find, tableOf } from './decision-table.ts';

const byte = fc.oneof(fc.nat(3), fc.constantFrom(0, 127, 128, 254, 255));
const quads = fc.tuple(byte, byte, byte, byte).map((parts) => parts.join('.'));
const ports = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom(80, 65_535));
/** Few enough that targets meet at one address. */
const addresses = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(quads, ports).map(([host, port]) => `${host}:${port}`) },
  { weight: 1, arbitrary: fc.constantFrom('[::1]:80', 'Orders.local:80', '010.0.0.1:80', '[10.0.0.1]:80', '10.0.0.1:0080') },
);
const plans = fc.array(fc.array(addresses, { maxLength: 12 }), { maxLength: 6 }).map((lists): AgentPlan => ({
  schema: 1,
  version: '1',
  targets: lists.map((own, at) => ({ host: `service-${at}`, rung: 'traffic', addresses: own })),
}));

describe('the index of addresses', () => {
  test('leads where a map of all hosts and ports would, and to nobody where two claim', () => {
    fc.assert(
      fc.property(plans, fc.array(addresses), (plan, others) => {
        const table = tableOf(plan);
        const placeOf = (address: string): readonly [string, number] => {
          const colon = address.lastIndexOf(':');
          return [address.slice(0, colon).replace(/^\[|\]$/g, '').toLowerCase(), Number(address.slice(colon + 1))]; // prettier-ignore
        };
        const claims = new Map<string, Set<string>>();
        for (const { host, addresses: own } of plan.targets)
          for (const address of own) {
            const key = placeOf(address).join(' ');
            claims.set(key, (claims.get(key) ?? new Set()).add(`${host}:80`));
          }
        for (const address of [...others, ...plan.targets.flatMap((target) => target.addresses)]) {
          const entry = find(table, ...placeOf(address));
          const claimed = [...(claims.get(placeOf(address).join(' ')) ?? [])];
          const told = entry?.kind === 'ambiguous' ? entry.claimedBy : entry === undefined ? [] : [entry.authority];
          expect([address, told]).toEqual([address, claimed]);
        }
      }),
    );
  });

  test('tells the addresses of each target as the plan said them, in its order', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const table = tableOf(plan);
        const told = table.targets.map((target) => addressesOf(table, target));
        expect(told).toEqual(plan.targets.map((target) => target.addresses));
        // So the next plan that says the same keeps the entries, and their counts.
        expect(tableOf(structuredClone(plan), table).targets).toBe(table.targets);
      }),
    );
  });

  test('has room for all that is claimed, wherever the hashes lead', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer(), fc.nat(65_535)), { maxLength: 200 }), (claims) => {
        const index = new AddressIndex<number>(claims.length);
        claims.forEach(([address, port], at) => index.claim(address, port, at, (held) => held));
        claims.forEach(([address, port]) => {
          const first = claims.findIndex((one) => one[0] === address && one[1] === port);
          expect(index.find(address, port)).toBe(first);
        });
      }),
    );
  });

  test.each(['', '10.0.0', '10.0.0.256', '010.0.0.1', '1.2.3.4.5', '1..2.3', '.1.2.3', '1.2.3.', '1.2.3.a', '::ffff:1.2.3.4'])(
    'takes %j for no IPv4 address',
    (text) => expect(ipv4Of(text)).toBe(-1),
  );

  test.each(['', '0', '080', '65536', '123456', '8o', '-1'])('takes %j for no port', (text) => expect(portOf(text, 0)).toBe(-1));
});

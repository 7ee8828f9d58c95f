import { expect, test } from '@jest/globals';
import { isHop, walk, type Hop } from './hop.ts';

const payments: Hop = { service: 'payments', path: 'sdk', unavailable: 'not registered yet', pending: true };
const orders: Hop = { service: 'orders', instance: 'a', version: 'v1', path: 'sdk', calls: [payments] };

test('a tree is walked from the caller to those it calls', () => {
  expect([...walk(orders)].map(({ service }) => service)).toEqual(['orders', 'payments']);
});

test.each([
  [orders, true],
  [payments, true],
  [null, false],
  [{ service: 'orders' }, false],
  [{ ...orders, calls: [{}] }, false],
  ['<html>', false],
])('%j is a hop: %p', (value, expected) => {
  expect(isHop(value)).toBe(expected);
});

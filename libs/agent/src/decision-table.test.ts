import { expect, test } from '@jest/globals';
import { tableOf } from './decision-table.ts';
import { lowerCase } from './lower-case.ts';

test('targets at one position share what says so: of 500 it is alive while a plan is read, which sets the RSS', () => {
  const target = (host: string, percent: number) => ({ host, rung: 'traffic', percent, addresses: [] }) as const;
  const targets = [target('a', 100), target('b', 100), target('c', 5), target('d', 5)];
  const [a, b, c, d] = tableOf({ schema: 1, version: '1', targets }).targets.map(({ desired }) => desired);
  expect([a === b, c === d, b === c]).toEqual([true, true, false]);
  expect([a?.percent, c?.percent]).toEqual([100, 5]);
});

test('a host is found whatever its case was, and beyond ASCII too', () => {
  expect(['orders.MESH', 'orders.mesh', 'ÄRZTE'].map(lowerCase)).toEqual(['orders.mesh', 'orders.mesh', 'ärzte']);
});

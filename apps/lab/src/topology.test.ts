import { expect, test } from '@jest/globals';
import { standardPorts } from './lab-ports.ts';
import { expectedShares, instances } from './topology.ts';

test('shares follow from the weights of those that are there', () => {
  expect([...expectedShares('orders', standardPorts)]).toEqual([
    ['127.0.0.1:18101', 3 / 6],
    ['127.0.0.1:18102', 2 / 6],
    ['127.0.0.1:18103', 1 / 6],
  ]);
  expect([...expectedShares('orders', standardPorts, new Set(['orders-1'])).values()]).toEqual([2 / 3, 1 / 3]);
});

test('names and ports are unique', () => {
  expect(new Set(instances.map(({ name }) => name)).size).toBe(instances.length);
  expect(new Set(instances.map(({ port }) => port)).size).toBe(instances.length);
});

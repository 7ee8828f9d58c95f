import { expect, test } from '@jest/globals';
import type { Instance } from './discovery.ts';
import { addressOf, WeightedBalancer } from './weighted-balancer.ts';

const instance = (port: number, weight: number): Instance => ({ host: '127.0.0.1', port, weight, metadata: {} });

function shares(instances: readonly Instance[], calls: number): Record<string, number> {
  const balancer = new WeightedBalancer();
  const counts: Record<string, number> = {};
  for (let call = 0; call < calls; call += 1) {
    const picked = balancer.pick(instances);
    if (picked !== undefined) counts[addressOf(picked)] = (counts[addressOf(picked)] ?? 0) + 1;
  }
  return counts;
}

test('calls are shared exactly by weight over full turns', () => {
  expect(shares([instance(1, 3), instance(2, 2), instance(3, 1)], 60)).toEqual({
    '127.0.0.1:1': 30,
    '127.0.0.1:2': 20,
    '127.0.0.1:3': 10,
  });
});

test('the heaviest instance does not get its calls in a row', () => {
  const balancer = new WeightedBalancer();
  const turn = Array.from({ length: 6 }, () => balancer.pick([instance(1, 3), instance(2, 2), instance(3, 1)])?.port);
  expect(turn).toEqual([1, 2, 1, 3, 2, 1]);
});

test('an instance with weight 0 gets nothing', () => {
  expect(shares([instance(1, 0), instance(2, 1)], 10)).toEqual({ '127.0.0.1:2': 10 });
});

test('with nobody to call there is no pick', () => {
  expect(new WeightedBalancer().pick([])).toBeUndefined();
});

test('when one leaves, the others go on by their weights', () => {
  const balancer = new WeightedBalancer();
  for (let call = 0; call < 7; call += 1) balancer.pick([instance(1, 5), instance(2, 1), instance(3, 1)]);
  const after = Array.from({ length: 4 }, () => balancer.pick([instance(2, 1), instance(3, 1)])?.port);
  expect(after.toSorted()).toEqual([2, 2, 3, 3]);
});

import { expect, test } from '@jest/globals';
import type { AgentTarget } from '@isthmus/contract';
import { POLICIES, positionOf } from '@isthmus/ladder';
import { AgentTargets } from '@isthmus/plans';
import { followBook } from './book-positions.ts';
import type { ConsumerPosition } from './consumer-policies.ts';

const target = { host: 'orders.mesh', port: 80 };
const orders: AgentTarget = { host: 'orders.mesh', rung: 'traffic', percent: 5, addresses: [] };

function follow(targets: AgentTargets): ConsumerPosition[] {
  const taken: ConsumerPosition[] = [];
  followBook(targets, (positions) => taken.push(...positions));
  return taken;
}

test('the mesh learns what the plans say already, then each step, then that a plan is gone', () => {
  const book = new AgentTargets();
  book.set('orders', ['web'], orders);
  const taken = follow(book);
  book.set('orders', ['web'], { ...orders, rung: 'resilience', percent: 100 });
  book.delete('orders');
  expect(taken).toEqual([
    { consumers: ['web'], target, position: positionOf('traffic', 5) },
    { consumers: ['web'], target, position: positionOf('resilience', 100, POLICIES) },
    { consumers: ['web'], target, position: undefined },
  ]);
});

test('a plan for all is not the plan of a consumer whose own has gone', () => {
  const book = new AgentTargets();
  book.set('all', ['*'], orders);
  book.set('orders', ['web'], { ...orders, rung: 'resilience' });
  const taken = follow(book);
  book.delete('orders');
  expect(taken.at(-1)).toEqual({ consumers: ['web'], target, position: undefined });
});

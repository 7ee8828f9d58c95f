import { describe, expect, test } from '@jest/globals';
import type { AgentTarget } from '@isthmus/contract';
import { AgentTargets } from './plan-book.ts';
import type { BookChange } from './plan-book.ts';

const orders: AgentTarget = { host: 'orders.shop', rung: 'traffic', percent: 5, addresses: ['10.0.0.7:8080'] };
const payments: AgentTarget = { host: 'payments.shop', port: 8081, rung: 'shadow', addresses: [] };

function book() {
  const changes: BookChange[] = [];
  const targets = new AgentTargets();
  targets.onChange((change) => changes.push(change));
  return { targets, changes };
}

describe('what agents are told', () => {
  test('is what the plans of their service say, and those of everyone, by host', () => {
    const { targets } = book();
    targets.set('pay', ['*'], payments);
    targets.set('orders', ['web', 'admin'], orders);
    expect(targets.targetsFor('web')).toEqual([orders, payments]);
    expect(targets.targetsFor('reports')).toEqual([payments]);
    expect(targets.targetFor('admin', { host: 'orders.shop', port: 80 })).toBe(orders);
    expect(targets.targetFor('reports', { host: 'orders.shop', port: 80 })).toBeUndefined();
  });

  test('is told once when it changes, to those whom it concerns, and not when it is said again', () => {
    const { targets, changes } = book();
    targets.set('orders', ['web'], orders);
    targets.set('orders', ['web'], { ...orders });
    expect(changes).toEqual([{ target: { host: 'orders.shop', port: 80 }, consumers: ['web'] }]);
    targets.set('orders', ['admin'], orders);
    expect(changes.slice(1).map(({ consumers }) => consumers)).toEqual([['web'], ['admin']]);
    expect(targets.targetsFor('web')).toEqual([]);
  });

  test('ends with its plan', () => {
    const { targets, changes } = book();
    targets.set('pay', ['*'], payments);
    targets.delete('pay');
    targets.delete('pay');
    expect(targets.targetsFor('web')).toEqual([]);
    expect(changes).toHaveLength(2);
  });
});

import { describe, expect, test } from '@jest/globals';
import { POLICIES, positionOf } from '@isthmus/ladder';
import { ConsumerPolicies } from './consumer-policies.ts';
import type { ConsumerPosition } from './consumer-policies.ts';

const target = { host: 'orders.mesh', port: 80 };
const at = (consumers: readonly string[], position: ConsumerPosition['position']): ConsumerPosition => ({
  consumers,
  target,
  position,
});
const unmarked = (policies: ConsumerPolicies, consumer?: string) =>
  policies.handOver(policies.classOf(consumer), 'orders.mesh', 80)?.unmarked;

describe('what plans leave to processes', () => {
  test('is left to the consumers that a plan names, and to nobody else', () => {
    const policies = new ConsumerPolicies();
    policies.set(at(['web', 'admin'], positionOf('traffic')));
    expect([unmarked(policies, 'web'), unmarked(policies, 'admin')]).toEqual([POLICIES, POLICIES]);
    expect([unmarked(policies, 'reports'), unmarked(policies)]).toEqual([undefined, undefined]);
    expect(policies.handOver(policies.classOf('web'), 'orders.mesh', 8080)).toBeUndefined();
  });

  test('of a plan for all takes nothing from calls without a mark: they may be of a process without an agent', () => {
    const policies = new ConsumerPolicies();
    policies.set(at(['*'], positionOf('traffic')));
    expect([unmarked(policies, 'web'), unmarked(policies)]).toEqual([[], []]);
  });

  test('counts of the plan that names the consumer before that for all', () => {
    const policies = new ConsumerPolicies();
    policies.set(at(['*'], positionOf('traffic')));
    policies.set(at(['web'], positionOf('resilience', 100, ['retry'])));
    expect(unmarked(policies, 'web')).toEqual(['timeout', 'circuitBreaking']);
    expect(unmarked(policies, 'reports')).toEqual([]);
  });

  test('ends at retired and with the plan', () => {
    const policies = new ConsumerPolicies();
    policies.set(at(['web'], positionOf('traffic')));
    policies.set(at(['web'], positionOf('retired')));
    expect(unmarked(policies, 'web')).toBeUndefined();
    policies.set(at(['web'], undefined));
    expect(policies.isEmpty).toBe(true);
    expect(policies.classOf('web')).toBeUndefined();
  });
});

describe('classes of proxies', () => {
  test('are those that the same plans name, and a step of a plan moves nobody to another', () => {
    const policies = new ConsumerPolicies();
    expect(policies.set(at(['web', 'admin'], positionOf('shadow')))).toEqual({ regroups: true });
    const before = policies.classOf('web');
    expect(policies.classOf('admin')).toBe(before);
    expect(policies.classOf('reports')).toBeUndefined();
    expect(policies.set(at(['web', 'admin'], positionOf('traffic', 5)))).toEqual({ regroups: false });
    expect(policies.set(at(['*'], positionOf('traffic', 5)))).toEqual({ regroups: false });
    expect(policies.classOf('web')).toBe(before);
    expect(policies.set(at(['web', 'admin'], undefined))).toEqual({ regroups: true });
    expect(policies.classOf('web')).toBeUndefined();
  });
});

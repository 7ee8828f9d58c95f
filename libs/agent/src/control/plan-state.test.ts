import { beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentTarget, ViewEndpoint } from '@isthmus/contract';
import { MOST_ADDRESSES, MOST_TARGETS } from '../read-plan.ts';
import { PlanState } from './plan-state.ts';

const target = (host: string, addresses: readonly string[] = []): AgentTarget => ({ host, port: 80, rung: 'traffic', addresses });
const many = <T>(count: number, make: (n: number) => T): readonly T[] => Array.from({ length: count }, (_, n) => make(n));
const endpoints = (count: number): readonly ViewEndpoint[] =>
  many(count, (n) => ({ address: '10.0.0.1', port: n + 1, weight: 1, healthy: true, zone: '', protocol: '' }));

let state: PlanState;
beforeEach(() => void (state = new PlanState()));
const says = (one: AgentTarget): string => state.take({ kind: 'target', version: 'v', target: one });
const isGone = (host: string): string => state.take({ kind: 'gone', version: 'v', host, port: 80 });
const lists = (host: string, count: number): string =>
  state.take({ kind: 'endpoints', endpoints: { host, port: 80, hash: `h${count}`, endpoints: endpoints(count) } });

describe('a control plane that names target after target, as no plan has them, is followed up to the limits of a whole plan:', () => {
  test('of targets; one that is known may still change, and one that is gone makes room', () => {
    for (let n = 0; n < MOST_TARGETS; n += 1) says(target(`t${n}`));
    for (let n = 0; n < 100; n += 1) expect(() => says(target(`more${n}`))).toThrow(/more\d+:80 .* at most 10000 are kept/);
    expect(state.said.targets).toHaveLength(MOST_TARGETS);
    expect(says({ ...target('t0'), rung: 'sdk' })).toBe('plan');
    expect(state.said.targets[0]?.rung).toBe('sdk');
    isGone('t1');
    expect(says(target('more'))).toBe('plan');
    expect(() => says(target('and-more'))).toThrow(/at most 10000/);
  });

  test('of addresses, of all targets together; what was known of the one that has too many stays', () => {
    const thousand = many(1_000, (n) => `10.0.0.1:${n + 1}`);
    for (let n = 0; n < MOST_ADDRESSES / 1_000; n += 1) says(target(`t${n}`, thousand));
    expect(() => says(target('more', ['10.0.0.1:1']))).toThrow(/200001 addresses, and at most 200000/);
    expect(() => says(target('t0', [...thousand, '10.0.0.2:1']))).toThrow(/200001 addresses/);
    expect(state.said.targets[0]?.addresses).toHaveLength(1_000);
    says(target('t0', []));
    expect(says(target('more', thousand))).toBe('plan');
    state.replace({ schema: 1, version: '2', targets: [target('t0', thousand)] });
    expect(says(target('more', thousand))).toBe('plan');
  });

  test('of endpoints that the mesh lists; of a view beyond only what it comes to is kept', () => {
    state.replace({ schema: 1, version: '1', targets: many(11, (n) => target(`t${n}`)) });
    for (let n = 0; n < 10; n += 1) lists(`t${n}`, 20_000);
    expect(() => lists('t10', 1)).toThrow(/200001 endpoints, and at most 200000/);
    expect(state.views.of('t10:80')).toEqual({ hash: 'h1', count: 1 });
    lists('t0', 19_999);
    expect(lists('t10', 1)).toBe('addresses');
    expect(state.views.of('t10:80')?.endpoints).toHaveLength(1);
    isGone('t1');
    expect(lists('t10', 20_001)).toBe('addresses');
  });
});

test('of targets that are in no plan nothing is kept, whatever is said of them', () => {
  state.replace({ schema: 1, version: '1', targets: [target('known')] });
  for (let n = 0; n < 1_000; n += 1) {
    expect(lists(`unknown${n}`, 1)).toBe('nothing');
    expect(state.take({ kind: 'view', view: { host: `unknown${n}`, port: 80, hash: 'h', endpoints: 1 } })).toBe('nothing');
    expect(state.views.of(`unknown${n}:80`)).toBeUndefined();
  }
  expect(isGone('unknown1')).toBe('plan');
  expect(state.said.targets).toEqual([target('known')]);
});

import { describe, expect, test } from '@jest/globals';
import { remove, specify, steer } from './plan-changes.ts';
import { PlanWorld, TWO_STEPS, WEB, planOf, planText, refusal } from './testing/plan-world.ts';

describe('by hand', () => {
  const running = () => {
    const world = new PlanWorld();
    world.apply(planText('orders', TWO_STEPS));
    return { world, entry: () => world.plans.get('orders')! };
  };

  test('a rollback is at the agents at once, and names those not connected', () => {
    const { world, entry } = running();
    world.agents = [WEB, { ...WEB, instance: 'web-2', connected: false, acknowledged: false }];
    const told: string[] = [];
    world.book.onChange(({ target }) => told.push(target.host));
    const change = steer(world.plans, entry(), 'rollback');
    if ('refused' in change) throw new Error(change.refused);
    expect(world.told()).toBe('shadow 100');
    change.write?.();
    expect([told, world.told(), change.view.notConnected]).toEqual([['orders.shop'], 'sdk 100', ['web/web-2']]);
    expect(refusal(steer(world.plans, entry(), 'rollback'))).toBe('it is at sdk already');
  });

  test('what a command says it would do, and then not does, leaves everything as it was', () => {
    const { world, entry } = running();
    const before = JSON.stringify(entry().row);
    for (const asked of ['pause', 'promote', 'rollback'] as const)
      expect(steer(world.plans, entry(), asked)).toHaveProperty('view');
    expect(remove(world.plans, entry(), 'api')).toHaveProperty('view');
    expect([JSON.stringify(entry().row), world.told()]).toEqual([before, 'shadow 100']);
  });

  test('what a file owns is not changed or deleted, but steered', () => {
    const world = new PlanWorld();
    const written = planOf(planText('orders', TWO_STEPS));
    const change = specify(world.plans, written, 'file');
    if ('write' in change) change.write?.();
    const entry = world.plans.get('orders')!;
    expect(refusal(specify(world.plans, planOf(planText('orders', '{ rung: shadow }')), 'api'))).toBe('its file owns it');
    expect(refusal(remove(world.plans, entry, 'api'))).toBe('its file owns it');
    expect(refusal(steer(world.plans, entry, 'pause'))).toBeUndefined();
  });

  test('a plan that is applied again as it is stays where it is', () => {
    const { world, entry } = running();
    const again = specify(world.plans, planOf(planText('orders', TWO_STEPS)), 'api');
    expect(again).toMatchObject({ view: { action: 'unchanged' }, write: undefined });
    expect(entry().row.audit).toHaveLength(1);
  });
});

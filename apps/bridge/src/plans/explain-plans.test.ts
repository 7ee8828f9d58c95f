import { describe, expect, test } from '@jest/globals';
import type { MeshHost } from '@isthmus/model';
import { steer } from './plan-changes.ts';
import { explainPlans, hostsOfPlans } from './explain-plans.ts';
import { ORDERS, PlanWorld, TWO_STEPS, WEB, planText } from './testing/plan-world.ts';

const SDK_NAME = 'nacos/public/DEFAULT_GROUP/orders';

describe('what explain says of the plans of a host', () => {
  test('is where each of its consumers is, those first that are not where the plan wants them, and why', () => {
    const world = new PlanWorld();
    world.apply(planText('orders', '{ rung: traffic, percent: 50, for: 1m }'));
    const at = (rung: 'sdk' | 'traffic' | 'resilience', percent: number) => ({ effective: { rung, percent } });
    world.agents = [
      { ...WEB, instance: 'there', ...at('traffic', 50), acknowledgedAt: 7 },
      { ...WEB, instance: 'above', ...at('resilience', 10) },
      { ...WEB, instance: 'lost', ...at('sdk', 100), why: 'the egress does not accept' },
      { ...WEB, instance: 'less', ...at('traffic', 5) },
      { ...WEB, instance: 'late', ...at('traffic', 50), acknowledged: false },
      { ...WEB, instance: 'away', ...at('traffic', 50), connected: false },
      { ...WEB, instance: 'new' },
    ];
    const [plan] = explainPlans(world.plans, ORDERS.host);
    expect(plan).toMatchObject({
      name: 'orders',
      state: 'running',
      step: 1,
      steps: 1,
      rung: 'traffic',
      percent: 50,
      withdrawn: [],
    });
    expect(plan?.last).toMatchObject({ at: world.now, what: 'began step 1 of 1, traffic 50 %' });
    expect(plan?.processes.map(({ instance, why }) => [instance, why])).toEqual([
      ['lost', 'the egress does not accept'],
      ['less', 'its agent does not say why it is lower'],
      ['late', 'it has not said yet that the newest plan is in force there'],
      ['away', 'it is not connected: it keeps the plan that it heard of last'],
      ['new', 'it has not reported of this target yet'],
      ['there', undefined],
      ['above', undefined],
    ]);
    expect(plan?.processes[5]).toEqual({
      ...{ service: 'web', instance: 'there', connected: true, acknowledged: true, acknowledgedAt: 7 },
      effective: { rung: 'traffic', percent: 50 },
    });
    expect(plan?.waitsFor).not.toEqual([]);
  });

  test('is nothing where a host has none, and why it waits where nobody knows its target', () => {
    const world = new PlanWorld();
    world.facts = undefined;
    world.apply(planText('orders', TWO_STEPS));
    expect(explainPlans(world.plans, 'users.shop' as MeshHost)).toEqual([]);
    expect([...hostsOfPlans(world.plans)]).toEqual(['orders.shop']);
    expect(explainPlans(world.plans, ORDERS.host)).toMatchObject([
      { state: 'waiting', why: 'its target is in no registry', rung: 'sdk', processes: [] },
    ]);
  });

  test('names what was taken out for retired, what the registry lists of it now, and that it comes back', async () => {
    const world = new PlanWorld();
    const key = { source: 'shop', namespace: 'public', group: 'DEFAULT_GROUP', name: 'orders' };
    const listing = (listed: number | undefined) =>
      ({ ...ORDERS, registrations: [{ key, sdkName: SDK_NAME, kind: {}, listed }] }) as never;
    const since = world.now - 3_600_000;
    const atRung = (rung: 'resilience' | 'retired') => [{ ...WEB, effective: { rung, percent: 100 }, byInstance: { since } }];
    world.facts = listing(2);
    world.agents = atRung('resilience');
    const provider = { instance: 'orders-1', connected: true, since, inbound: 10, unmarked: 0, peers: [] };
    world.providers = [1, 2].map((one) => ({
      ...{ ...provider, instance: `orders-${one}` },
      registrations: [{ sdkName: SDK_NAME, state: 'registered' as const }],
    }));
    world.apply(planText('orders', '{ rung: resilience }, { rung: retired, quiet: 1h }'));
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(world.told()).toBe('retired 100');
    world.agents = atRung('retired');
    world.reports();
    const withdrawn = () => explainPlans(world.plans, ORDERS.host)[0]?.withdrawn;
    const out = { registry: 'shop', sdkName: SDK_NAME, state: 'out', before: 2 };
    expect(withdrawn()).toEqual([{ ...out, listed: 2 }]);
    world.facts = listing(0);
    world.reports('orders');
    expect(withdrawn()).toEqual([{ ...out, listed: 0 }]);
    const change = steer(world.plans, world.plans.get('orders')!, 'rollback');
    if ('write' in change) change.write?.();
    world.facts = listing(undefined);
    expect(withdrawn()).toEqual([{ ...out, state: 'returning' }]);
  });
});

import { describe, expect, test } from '@jest/globals';
import { specify } from './plan-changes.ts';
import { planDetail, planView } from './plan-views.ts';
import { ORDERS, PlanWorld, TWO_STEPS, WEB, memoryLedger, planOf, planText, refusal } from './testing/plan-world.ts';

const MINUTE = 60_000;

describe('a plan', () => {
  test('is told to the agents of its consumers as soon as it is applied, with what the catalog has of its target', () => {
    const world = new PlanWorld();
    world.apply(planText('orders', TWO_STEPS));
    expect(world.book.targetsFor('web')).toEqual([
      {
        host: 'orders.shop',
        port: 80,
        rung: 'shadow',
        percent: 100,
        addresses: ['10.0.0.7:8080'],
        sdkNames: ['nacos/public/DEFAULT_GROUP/orders'],
      },
    ]);
    expect(world.told('other')).toBeUndefined();
  });

  test('goes up when its time is over, by a timer of its own and without being looked at before', () => {
    const world = new PlanWorld();
    world.apply(planText('orders', TWO_STEPS));
    expect(world.waits).toEqual([10 * MINUTE]);
    world.pass(10 * MINUTE);
    expect(world.told()).toBe('traffic 5');
    world.pass(10 * MINUTE);
    expect(world.plans.get('orders')?.row.status.state.kind).toBe('done');
    expect(world.waits).toEqual([]);
  });

  test('whose time is over waits without a timer for what its gate is about, and goes up with the report that has it', () => {
    const world = new PlanWorld();
    world.apply(planText('orders', "{ rung: traffic, percent: 5, for: 1m, gate: { samples: '>= 100' } }, { rung: traffic }"));
    world.pass(5 * MINUTE);
    expect([world.told(), world.waits]).toEqual(['traffic 5', []]);
    const mesh = { calls: 100, failures: 0, attempts: 100, latency: [] };
    world.totals = { ...world.totals, arms: { ...world.totals.arms, mesh } };
    world.reports('other');
    expect(world.told()).toBe('traffic 5');
    world.reports();
    expect(world.told()).toBe('traffic 100');
  });

  test('counts only what came since its step began', () => {
    const world = new PlanWorld();
    const mesh = { calls: 500, failures: 0, attempts: 500, latency: [] };
    world.totals = { ...world.totals, arms: { ...world.totals.arms, mesh } };
    world.apply(planText('orders', "{ rung: traffic, gate: { samples: '>= 100' } }"));
    world.reports();
    expect(planDetail(world.plans, world.plans.all()[0]!).gates).toMatchObject([
      { gate: 'samples', measured: 0, outcome: 'unknown' },
    ]);
  });

  test('is where it was after a restart, and goes on', () => {
    const ledger = memoryLedger();
    const before = new PlanWorld(ledger);
    before.apply(planText('orders', TWO_STEPS));
    before.pass(10 * MINUTE);
    before.plans.close();
    const after = new PlanWorld(ledger);
    after.now = before.now + 4 * MINUTE;
    expect(after.told()).toBe('traffic 5');
    expect(after.plans.get('orders')?.row.audit.map(({ what }) => what)).toEqual([
      'began step 1 of 2, shadow',
      'began step 2 of 2, traffic 5 %',
    ]);
  });

  test('is not told while its target is in no registry, and is as soon as it is', () => {
    const world = new PlanWorld();
    world.facts = undefined;
    world.apply(planText('orders', TWO_STEPS));
    expect(world.told()).toBeUndefined();
    expect([...world.plans.diagnostics()]).toMatchObject([{ code: 'plan.unknown-target' }]);
    expect(planView(world.plans, world.plans.all()[0]!)).toMatchObject({
      state: 'waiting',
      rung: 'sdk',
      why: 'its target is in no registry',
    });
    world.facts = ORDERS;
    world.plans.touch(new Set([ORDERS.host]));
    expect([world.told(), [...world.plans.diagnostics()]]).toEqual(['shadow 100', []]);
  });

  test('stays as it is when its target goes from every registry, and follows its addresses', () => {
    const world = new PlanWorld();
    world.apply(planText('orders', TWO_STEPS));
    world.facts = undefined;
    world.plans.touch(new Set([ORDERS.host]));
    expect(world.told()).toBe('shadow 100');
    world.facts = { ...ORDERS, addresses: ['10.0.0.9:8080'] };
    world.plans.touch(new Set([ORDERS.host]));
    expect(world.book.targetsFor('web')[0]?.addresses).toEqual(['10.0.0.9:8080']);
  });
});

test('what the mesh gives a call is told to its agents, and follows the rules', () => {
  const world = new PlanWorld();
  world.timeoutMs = 1_500;
  world.apply(planText('orders', TWO_STEPS));
  const told = () => world.book.targetsFor('web').map(({ timeoutMs }) => timeoutMs);
  expect(told()).toEqual([1_500]);
  world.timeoutMs = undefined;
  world.plans.touch(new Set([ORDERS.host]));
  expect(told()).toEqual([undefined]);
});

describe('what a step is judged by', () => {
  const calls = (count: number) => ({ calls: count, failures: 0, attempts: count, latency: [] });
  const measured = (world: PlanWorld) => planDetail(world.plans, world.plans.get('orders')!).gates[0]?.measured;

  test('begins when every connected agent is in it, or half a minute after it at the latest', () => {
    const world = new PlanWorld();
    const mesh = (count: number) => {
      world.totals = { ...world.totals, arms: { ...world.totals.arms, mesh: calls(count) } };
      world.reports();
    };
    world.agents = [{ ...WEB, acknowledged: false }];
    world.apply(planText('orders', "{ rung: traffic, gate: { samples: '>= 1000' } }"));
    mesh(100);
    expect(measured(world)).toBe(0);
    world.agents = [WEB];
    mesh(150);
    expect(measured(world)).toBe(0);
    mesh(170);
    expect(measured(world)).toBe(20);
    world.agents = [{ ...WEB, acknowledged: false }];
    world.plans.store.put('orders', undefined);
    world.apply(planText('orders', "{ rung: traffic, gate: { samples: '>= 1000' } }"));
    world.now += 31_000;
    mesh(200);
    mesh(210);
    expect(measured(world)).toBe(10);
  });
});

describe('two plans', () => {
  test.each([
    ['[web]', '[admin, web]', 'plan orders has orders.shop already for web'],
    ['[web]', "['*']", 'plan orders has orders.shop already for web'],
    ["['*']", '[web]', 'plan orders has orders.shop already for web'],
    ["['*']", "['*']", 'plan orders has orders.shop already for every consumer'],
  ])('of one target for %s and %s are refused', (first, second, why) => {
    const world = new PlanWorld();
    world.apply(planText('orders', TWO_STEPS, { consumers: first }));
    expect(refusal(specify(world.plans, planOf(planText('other', TWO_STEPS, { consumers: second })), 'api'))).toBe(why);
  });

  test('of one target for different consumers are fine, and a service key is the same target as its host', () => {
    const world = new PlanWorld();
    world.apply(planText('orders', TWO_STEPS));
    world.apply(planText('other', TWO_STEPS, { consumers: '[admin]' }));
    const byKey = planOf(planText('third', TWO_STEPS, { target: 'shop/public/DEFAULT_GROUP/orders' }));
    expect(refusal(specify(world.plans, byKey, 'api'))).toContain('plan orders has orders.shop already');
  });

  test('that turn out to have one target later are told one of, and said', () => {
    const world = new PlanWorld();
    world.facts = undefined;
    world.apply(planText('a', '{ rung: shadow }'));
    world.apply(planText('b', '{ rung: traffic }', { target: 'shop/public/DEFAULT_GROUP/orders' }));
    world.facts = ORDERS;
    world.plans.touch(new Set([ORDERS.host]));
    expect(world.told()).toBe('shadow 100');
    expect([...world.plans.diagnostics()]).toMatchObject([{ code: 'plan.refused', where: 'plan b' }]);
    world.plans.store.put('a', undefined);
    expect(world.told()).toBe('traffic 100');
  });
});

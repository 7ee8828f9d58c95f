import { describe, expect, test } from '@jest/globals';
import { remove, specify, steer } from './plan-changes.ts';
import { planDetail, planView } from './plan-views.ts';
import { ORDERS, PlanWorld, WEB, memoryLedger, planOf, planText } from './testing/plan-world.ts';

const MINUTE = 60_000;
const TWO = '{ rung: shadow, for: 10m }, { rung: traffic, percent: 5, for: 10m }';

/** What a command or a write is refused with. */
function refusal(change: ReturnType<typeof steer>): string | undefined {
  return 'refused' in change ? change.refused : undefined;
}

describe('a plan', () => {
  test('is told to the agents of its consumers as soon as it is applied, with what the catalog has of its target', () => {
    const world = new PlanWorld();
    world.apply(planText('orders', TWO));
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
    world.apply(planText('orders', TWO));
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
    before.apply(planText('orders', TWO));
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
    world.apply(planText('orders', TWO));
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
    world.apply(planText('orders', TWO));
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
  world.apply(planText('orders', TWO));
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
    world.apply(planText('orders', TWO, { consumers: first }));
    expect(refusal(specify(world.plans, planOf(planText('other', TWO, { consumers: second })), 'api'))).toBe(why);
  });

  test('of one target for different consumers are fine, and a service key is the same target as its host', () => {
    const world = new PlanWorld();
    world.apply(planText('orders', TWO));
    world.apply(planText('other', TWO, { consumers: '[admin]' }));
    const byKey = planOf(planText('third', TWO, { target: 'shop/public/DEFAULT_GROUP/orders' }));
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

describe('by hand', () => {
  const running = () => {
    const world = new PlanWorld();
    world.apply(planText('orders', TWO));
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
    const written = planOf(planText('orders', TWO));
    const change = specify(world.plans, written, 'file');
    if ('write' in change) change.write?.();
    const entry = world.plans.get('orders')!;
    expect(refusal(specify(world.plans, planOf(planText('orders', '{ rung: shadow }')), 'api'))).toBe('its file owns it');
    expect(refusal(remove(world.plans, entry, 'api'))).toBe('its file owns it');
    expect(refusal(steer(world.plans, entry, 'pause'))).toBeUndefined();
  });

  test('a plan that is applied again as it is stays where it is', () => {
    const { world, entry } = running();
    const again = specify(world.plans, planOf(planText('orders', TWO)), 'api');
    expect(again).toMatchObject({ view: { action: 'unchanged' }, write: undefined });
    expect(entry().row.audit).toHaveLength(1);
  });
});

describe('retired', () => {
  const AN_HOUR_AGO = new PlanWorld().now - 60 * MINUTE;
  const quiet = (now: number, unmarked?: number) => ({
    instance: 'orders-1',
    connected: true,
    since: now - 60 * MINUTE,
    inbound: 10,
    unmarked: unmarked === undefined ? 0 : 1,
    ...(unmarked === undefined ? {} : { lastUnmarkedAt: unmarked }),
    peers: ['10.0.0.3'],
    registrations: [{ sdkName: SDK_NAME, state: 'registered' as const }],
  });
  const SDK_NAME = 'nacos/public/DEFAULT_GROUP/orders';
  const atTop = () => {
    const world = new PlanWorld();
    const key = { source: 'shop', namespace: 'public', group: 'DEFAULT_GROUP', name: 'orders' };
    const registration = { key, sdkName: SDK_NAME, kind: {}, listed: 1 };
    world.facts = { ...ORDERS, registrations: [registration] as never };
    world.agents = [{ ...WEB, effective: { rung: 'resilience', percent: 100 }, byInstance: { since: AN_HOUR_AGO } }];
    world.providers = [quiet(world.now)];
    return { world, text: planText('orders', '{ rung: resilience }, { rung: retired, quiet: 1h }') };
  };
  const settled = async (world: PlanWorld): Promise<void> => {
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(world.plans.get('orders')).toBeDefined();
  };

  test('is reached once its registry was asked and its providers were quiet for long enough', async () => {
    const { world, text } = atTop();
    world.apply(text);
    expect(world.told()).toBe('resilience 100');
    await settled(world);
    expect([world.told(), world.asked]).toEqual(['retired 100', 1]);
  });

  test('tells the providers of the target to deregister once its consumers are there, and is done when the registry lists none', async () => {
    const { world, text } = atTop();
    const told: string[] = [];
    world.book.onWithdrawn((service) => told.push(`${service} ${String(world.book.withdrawnOf(service))}`));
    world.apply(text);
    world.agents = [
      { ...WEB, acknowledged: false, effective: { rung: 'resilience', percent: 100 }, byInstance: { since: AN_HOUR_AGO } },
    ];
    await settled(world);
    expect(told).toEqual([]);
    world.agents = [{ ...WEB, effective: { rung: 'retired', percent: 100 }, byInstance: { since: AN_HOUR_AGO } }];
    world.reports();
    expect(told).toEqual([`orders ${SDK_NAME}`]);
    expect(planDetail(world.plans, world.plans.get('orders')!).waitsFor).toEqual([`shop still lists 1 of ${SDK_NAME}`]);
    world.facts = { ...world.facts!, registrations: world.facts!.registrations.map((r) => ({ ...r, listed: 0 })) };
    world.reports('orders');
    expect(world.plans.get('orders')?.row.status.state.kind).toBe('done');
    const target = planOf(planText('orders', '{ rung: shadow }', { target: 'other.shop' }));
    expect(refusal(specify(world.plans, target, 'api'))).toContain('its target is retired');
    expect(withdrawnAgain(world)).toEqual([SDK_NAME]);
  });

  /** As a bridge that is started on the same ledger tells its providers. */
  const withdrawnAgain = ({ ledger, facts }: PlanWorld): readonly string[] => {
    const again = new PlanWorld(ledger);
    again.facts = facts;
    again.plans.touch(new Set([ORDERS.host]));
    return again.book.withdrawnOf('orders');
  };

  test.each([
    [
      'who subscribes cannot be asked',
      (world: PlanWorld) => (world.subscribers = { kind: 'unknown', registry: 'shop', why: 'timeout' }),
      'could not be asked',
    ],
    [
      'somebody subscribes',
      (world: PlanWorld) => (world.subscribers = { kind: 'told', registry: 'shop', others: ['10.0.0.9'] }),
      'still subscribe',
    ],
    ['nobody counts', (world: PlanWorld) => (world.providers = []), 'no process of the target counts'],
    [
      'some do not count',
      (world: PlanWorld) =>
        (world.facts = { ...ORDERS, registrations: world.facts!.registrations.map((r) => ({ ...r, listed: 2 })) }),
      'it has 2 instances',
    ],
    [
      'some were registered by nobody who could take them out',
      (world: PlanWorld) => (world.providers = [{ ...quiet(world.now), registrations: [] }]),
      '0 of 1 of nacos/public/DEFAULT_GROUP/orders at shop were registered',
    ],
    [
      'a call came past the mesh',
      (world: PlanWorld) => (world.providers = [quiet(world.now, world.now - MINUTE)]),
      'calls still come past the mesh, from 10.0.0.3',
    ],
    [
      'calls name instances',
      (world: PlanWorld) =>
        (world.agents = world.agents.map((one) => ({ ...one, byInstance: { since: AN_HOUR_AGO, lastAt: world.now } }))),
      'calls still name instances that their SDK found, from web/web-1',
    ],
    [
      'an agent is too old to count them',
      (world: PlanWorld) => (world.agents = [{ ...WEB, effective: { rung: 'resilience', percent: 100 } }]),
      'does not count its calls by instance: web/web-1',
    ],
    [
      'a consumer is away',
      (world: PlanWorld) => (world.agents = [...world.agents, { ...WEB, instance: 'web-2', connected: false }]),
      'not connected: web/web-2',
    ],
    [
      'the mesh would lose the instances too',
      (world: PlanWorld) => (world.facts = { ...world.facts!, elsewhere: 0 }),
      'they would be gone there too',
    ],
  ])('is refused while %s, by hand too', async (_, make, why) => {
    const { world, text } = atTop();
    make(world);
    world.apply(text);
    await settled(world);
    expect(world.told()).toBe('resilience 100');
    expect(refusal(steer(world.plans, world.plans.get('orders')!, 'promote'))).toContain(why);
  });

  test('asks no more than once a minute while it is refused', async () => {
    const { world, text } = atTop();
    world.subscribers = { kind: 'told', registry: 'shop', others: ['10.0.0.9'] };
    world.apply(text);
    for (let report = 0; report < 50; report += 1) {
      await settled(world);
      world.reports();
    }
    expect(world.asked).toBe(1);
    world.subscribers = { kind: 'told', registry: 'shop', others: [] };
    world.pass(MINUTE);
    await settled(world);
    expect([world.asked, world.told()]).toEqual([2, 'retired 100']);
  });

  test('is left by way of a registration, also when the plan is deleted', async () => {
    const { world, text } = atTop();
    world.apply(text);
    await settled(world);
    world.agents = [{ ...WEB, effective: { rung: 'retired', percent: 100 }, byInstance: { since: AN_HOUR_AGO } }];
    world.reports();
    world.facts = { ...world.facts!, registrations: world.facts!.registrations.map((r) => ({ ...r, listed: 0 })) };
    expect(world.book.withdrawnOf('orders')).toEqual([SDK_NAME]);
    const change = remove(world.plans, world.plans.get('orders')!, 'api');
    if ('write' in change) change.write?.();
    expect([world.told(), world.book.withdrawnOf('orders')]).toEqual(['resilience 100', []]);
    world.facts = { ...world.facts, registrations: world.facts.registrations.map((r) => ({ ...r, listed: 1 })) };
    world.plans.touch(new Set([ORDERS.host]));
    expect([world.told(), world.plans.get('orders')]).toEqual([undefined, undefined]);
  });
});

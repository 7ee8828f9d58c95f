import { describe, expect, test } from '@jest/globals';
import { remove, specify, steer } from './plan-changes.ts';
import { planDetail } from './plan-views.ts';
import { ORDERS, PlanWorld, WEB, planOf, planText, refusal } from './testing/plan-world.ts';

const MINUTE = 60_000;

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

  test('what a registry lists again afterwards is told to its agents, and said, until it is gone', async () => {
    const { world, text } = atTop();
    world.apply(text);
    await settled(world);
    world.agents = [{ ...WEB, effective: { rung: 'retired', percent: 100 }, byInstance: { since: AN_HOUR_AGO } }];
    world.reports();
    const lists = (listed: number | undefined): void => {
      world.facts = { ...world.facts!, registrations: world.facts!.registrations.map((r) => ({ ...r, listed })) };
      world.plans.touch(new Set([ORDERS.host]));
    };
    const said = () => [
      world.book.stillListedOf('orders'),
      planDetail(world.plans, world.plans.get('orders')!).waitsFor,
      [...world.plans.diagnostics()].map(({ code }) => code),
    ];
    lists(0);
    expect([world.plans.get('orders')?.row.status.state.kind, ...said()]).toEqual(['done', [], [], []]);
    world.providers = [{ ...quiet(world.now), registrations: [{ sdkName: SDK_NAME, state: 'withdrawn' }] }];
    lists(1);
    const why = `shop still lists 1 of ${SDK_NAME}, which agents took out: they deregister it again`;
    expect(said()).toEqual([[SDK_NAME], [why], ['plan.still-listed']]);
    lists(undefined);
    expect(said()).toEqual([[], [], []]);
    lists(0);
    expect(said()).toEqual([[], [], []]);
  });

  test('stays said by a bridge that starts again and knows nothing of the target yet, or does not understand the plan', async () => {
    const { world, text } = atTop();
    world.apply(text);
    await settled(world);
    world.agents = [{ ...WEB, effective: { rung: 'retired', percent: 100 }, byInstance: { since: AN_HOUR_AGO } }];
    world.reports();
    const again = new PlanWorld(world.ledger);
    const told: string[] = [];
    again.book.onWithdrawn((service) => told.push(`${service} ${String(again.book.withdrawnOf(service))}`));
    expect([again.book.withdrawnOf('orders'), again.told()]).toEqual([[SDK_NAME], 'retired 100']);
    const unknowing = new PlanWorld(world.ledger, undefined);
    expect([unknowing.book.withdrawnOf('orders'), unknowing.told()]).toEqual([[SDK_NAME], 'retired 100']);
    expect(unknowing.book.targetsFor('web')).toMatchObject([{ host: ORDERS.host, addresses: [], sdkNames: [SDK_NAME] }]);
    unknowing.facts = world.facts;
    unknowing.plans.touch(new Set([ORDERS.host]));
    expect(unknowing.book.targetsFor('web')).toMatchObject([{ addresses: ORDERS.addresses }]);
    const row = world.plans.store.get('orders')!;
    world.ledger.put('plan', 'orders', { ...row, document: { apiVersion: 'isthmus.dev/v9' } });
    const older = new PlanWorld(world.ledger, undefined);
    expect([older.book.withdrawnOf('orders'), older.told(), told]).toEqual([[SDK_NAME], undefined, []]);
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

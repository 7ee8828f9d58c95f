import { describe, expect, test } from '@jest/globals';
import { arm, evidence, registration, WEB } from './testing/evidence.ts';
import type { Migration } from './migration.ts';
import { command } from './plan-commands.ts';
import { advance, begin, respecified, rollBack, verdictOf } from './plan-machine.ts';
import type { Advance } from './plan-machine.ts';
import { positionIn, withdrawnIn } from './plan-state.ts';
import type { PlanStatus } from './plan-state.ts';
import { readMigrations } from './read-migrations.ts';
import { since } from './step-evidence.ts';

const MINUTE = 60_000;

function plan(steps: string, more = ''): Migration {
  const text = `apiVersion: isthmus.dev/v1alpha1
kind: Migration
metadata: { name: orders }
spec: { target: orders.shop, consumers: [web], steps: [${steps}]${more} }`;
  const { plans, problems } = readMigrations('plan', Buffer.from(text));
  if (plans[0] === undefined) throw new Error(problems.map(({ what }) => what).join('\n'));
  return plans[0].migration;
}

const CANARY =
  "{ rung: traffic, percent: 5, for: 10m, gate: { errorRateDelta: '<= 0.5%', p99Ratio: '<= 1.2', samples: '>= 1000' } }";
const good = evidence({ sdk: arm(19_000, 19), mesh: arm(1_000, 2) });
const started = (now: number): PlanStatus => ({ state: { kind: 'running', step: 0, since: now } });
const to = (state: PlanStatus['state']): PlanStatus => ({ state });

describe('a step', () => {
  const canary = plan(`${CANARY}, { rung: traffic, for: 30m }`);

  test('passes when its time is over and its gate holds, and not before', () => {
    expect(advance(canary, started(0), good, 9 * MINUTE).entries).toEqual([]);
    const { status, entries } = advance(canary, started(0), good, 10 * MINUTE);
    expect(status.state).toEqual({ kind: 'running', step: 1, since: 10 * MINUTE });
    expect(positionIn(canary, status.state)).toEqual({ rung: 'traffic', percent: 100, hand: [] });
    expect(entries).toMatchObject([{ by: 'gate', what: 'began step 2 of 2, traffic' }]);
  });

  test('says when time alone may change it, and otherwise waits for evidence', () => {
    expect(verdictOf(canary, started(0), good, MINUTE)).toMatchObject({ kind: 'wait', dueAt: 10 * MINUTE });
    const few = verdictOf(canary, started(0), evidence({ sdk: arm(5_000), mesh: arm(999) }), 11 * MINUTE);
    expect(few).toEqual({
      kind: 'wait',
      why: [
        'errorRateDelta <= 0.005: only 999 calls through the mesh',
        'p99Ratio <= 1.2: only 999 calls through the mesh',
        'samples >= 1000: only 999 samples',
      ],
    });
  });

  test('goes back at once when more calls fail than may, without waiting for its end', () => {
    const bad = evidence({ sdk: arm(19_000, 19), mesh: arm(1_000, 50) });
    const { status, entries } = advance(canary, started(0), bad, MINUTE);
    expect(status.state).toMatchObject({ kind: 'rolledBack', from: 0 });
    expect(positionIn(canary, status.state).rung).toBe('sdk');
    expect(entries[0]?.why).toBe('errorRateDelta <= 0.005: it is 0.049');
  });

  test('pauses where the plan says so, and is measured again from its beginning when it goes on', () => {
    const pausing = plan(CANARY, ', onFailure: pause');
    const slow = evidence({ sdk: arm(19_000, 0, 10), mesh: arm(1_000, 0, 20) });
    const { status } = advance(pausing, started(0), slow, MINUTE);
    expect(status.state).toMatchObject({ kind: 'paused', by: 'gate', step: 0 });
    expect(positionIn(pausing, status.state)).toMatchObject({ rung: 'traffic', percent: 5 });
    expect(advance(pausing, status, good, 20 * MINUTE).entries).toEqual([]);
    expect(command(pausing, status, 'resume', good, 30 * MINUTE)).toMatchObject({
      status: { state: { kind: 'running', since: 30 * MINUTE } },
    });
  });

  test('that is paused by hand goes on with the time that was left', () => {
    const { status } = command(canary, started(0), 'pause', good, 4 * MINUTE) as Advance;
    const resumed = command(canary, status, 'resume', good, 60 * MINUTE) as Advance;
    expect(verdictOf(canary, resumed.status, good, 65 * MINUTE)).toMatchObject({ kind: 'wait', dueAt: 66 * MINUTE });
  });

  test('is not passed while no agent is connected, one has not acknowledged, or one is lower than it', () => {
    const why = (agents: Parameters<typeof evidence>[0]) => {
      const verdict = verdictOf(canary, started(0), { ...good, ...agents }, 10 * MINUTE);
      return verdict.kind === 'wait' ? verdict.why : verdict.kind;
    };
    expect(why({ agents: [] })).toEqual(['no agent of its consumers is connected']);
    expect(why({ agents: [WEB, { ...WEB, instance: 'web-2', acknowledged: false }] })).toEqual([
      'not yet acknowledged by web/web-2',
    ]);
    expect(why({ agents: [{ ...WEB, effective: { rung: 'sdk', percent: 100 }, why: 'the egress refuses' }] })).toEqual([
      'below traffic: web/web-1 (the egress refuses)',
    ]);
    expect(why({ agents: [WEB, { ...WEB, instance: 'gone', connected: false, acknowledged: false }] })).toBe('pass');
  });

  test('of all calls is compared with the SDK as it was in the step before', () => {
    const two = plan(`${CANARY}, { rung: traffic, for: 30m, gate: { errorRateDelta: '<= 0.5%', samples: '>= 1000' } }`);
    const { status } = advance(two, started(0), good, 10 * MINUTE);
    expect(status.reference).toMatchObject({ calls: 19_000, failures: 19 });
    const moved = evidence({ mesh: arm(5_000, 10) });
    expect(advance(two, status, moved, 40 * MINUTE).status.state.kind).toBe('done');
    expect(advance(two, status, evidence({ mesh: arm(5_000, 100) }), 11 * MINUTE).status.state.kind).toBe('rolledBack');
    const unknown = verdictOf(two, to(status.state), moved, 40 * MINUTE);
    expect(unknown).toMatchObject({ kind: 'wait', why: [expect.stringContaining('of the SDK to compare with')] });
  });

  test('of views has until its end to become alike', () => {
    const shadow = plan("{ rung: shadow, for: 10m, gate: { similarity: '>= 0.99', samples: '>= 100' } }");
    const apart = evidence({ views: { comparisons: 200, matched: 90, union: 100 } });
    expect(advance(shadow, started(0), apart, MINUTE).entries).toEqual([]);
    expect(advance(shadow, started(0), apart, 10 * MINUTE).status.state.kind).toBe('rolledBack');
    const alike = evidence({ views: { comparisons: 200, matched: 999, union: 1_000 } });
    expect(advance(shadow, started(0), alike, 10 * MINUTE).status.state.kind).toBe('done');
    const empty = evidence({ views: { comparisons: 200, matched: 0, union: 0 } });
    expect(verdictOf(shadow, started(0), empty, 10 * MINUTE)).toMatchObject({ why: [expect.stringContaining('neither view')] });
  });

  test('of attempts fails when calls are tried more often than the budget has it', () => {
    const hand = plan("{ rung: resilience, percent: 20, for: 1m, gate: { attemptsPerRequest: '<= 1.2' } }");
    expect(advance(hand, started(0), evidence({ mesh: arm(500, 0, 10, 601) }), 1_000).status.state.kind).toBe('rolledBack');
    expect(advance(hand, started(0), evidence({ mesh: arm(500, 0, 10, 600) }), MINUTE).status.state.kind).toBe('done');
  });
});

describe('retired', () => {
  const last = plan('{ rung: resilience }, { rung: retired }');
  const unproven = evidence({ proof: { items: [{ about: 'subscribers', outcome: 'unknown', why: 'shop could not be asked' }] } });

  test('is refused without its proof, by hand too; unknown is no proof', () => {
    const verdict = verdictOf(last, started(0), unproven, 0);
    expect(verdict).toEqual({ kind: 'wait', why: ['retired is not proven: shop could not be asked'] });
    expect(command(last, started(0), 'promote', unproven, 0)).toMatchObject({
      refused: 'retired is not proven: shop could not be asked',
    });
    expect(verdictOf(last, started(0), evidence({ proof: { items: [] } }), 0).kind).toBe('wait');
    expect(advance(last, started(0), evidence(), 0).status.state).toMatchObject({ step: 1 });
  });

  /** At `retired`, its registration of two instances gone. */
  const retired = (): PlanStatus => {
    const before = { ...evidence({ registrations: [registration(2)] }), elsewhere: 2 };
    const entered = advance(last, started(0), before, 0).status;
    return advance(last, entered, before, 1).status;
  };
  const back = (status: PlanStatus, over: Parameters<typeof evidence>[0]) => advance(last, status, evidence(over), 3).status.state.kind; // prettier-ignore

  test('first has every agent there, then its providers deregister, and is done when the registry lists none', () => {
    const entered = advance(last, started(0), evidence(), 0).status;
    const late = evidence({ agents: [{ ...WEB, acknowledged: false }] });
    expect([entered.withdrawal, advance(last, entered, late, 1).status.withdrawal]).toEqual([undefined, undefined]);
    expect(verdictOf(last, entered, late, 1)).toMatchObject({
      why: ['not yet acknowledged by web/web-1', 'its providers are told to deregister once every agent is at retired'],
    });
    expect(advance(last, entered, unproven, 1).entries).toEqual([]);
    expect(advance(last, entered, evidence({ registrations: [registration(undefined)] }), 1).entries).toEqual([]);
    const told = advance(last, entered, evidence(), 1);
    expect(told.entries[0]?.what).toBe('told its providers to deregister nacos/public/DEFAULT_GROUP/orders (1)');
    expect(withdrawnIn(last, told.status)).toMatchObject([{ sdkName: 'nacos/public/DEFAULT_GROUP/orders', instances: 1 }]);
    expect(command(last, told.status, 'promote', evidence(), 2)).toMatchObject({
      refused: expect.stringContaining('still lists 1'),
    });
    const holders = [{ process: 'orders/1', connected: false, registered: 1, withdrawn: 0 }];
    expect(verdictOf(last, told.status, evidence({ registrations: [registration(1, holders)] }), 2)).toEqual({
      kind: 'wait',
      why: ['shop still lists 1 of nacos/public/DEFAULT_GROUP/orders (orders/1 is not connected)'],
    });
    expect(advance(last, told.status, evidence({ registrations: [registration(0)] }), 3).status.state.kind).toBe('done');
  });

  test('is left by way of a registration: as many as before, or as many as are ready now', () => {
    const { status } = rollBack(last, retired(), { at: 1, by: 'hand', why: 'asked' });
    expect([positionIn(last, status.state).rung, withdrawnIn(last, status)]).toEqual(['resilience', []]);
    for (const listed of [undefined, 0, 1])
      expect(back(status, { registrations: [registration(listed)], elsewhere: 2 })).toBe('returning');
    expect(back(status, { registrations: [registration(0)], elsewhere: 0 })).toBe('returning');
    expect(back(status, { registrations: [registration(1)], elsewhere: 1 })).toBe('rolledBack');
    const there = advance(last, status, evidence({ registrations: [registration(2)], elsewhere: 5 }), 3);
    expect(positionIn(last, there.status.state).rung).toBe('sdk');
    expect(there.status.withdrawal).toBeUndefined();
  });

  test('says on its way back who is not registered again', () => {
    const { status } = rollBack(last, retired(), { at: 1, by: 'hand', why: 'asked' });
    const holders = [
      { process: 'orders/1', connected: true, registered: 1, withdrawn: 0 },
      { process: 'orders/2', connected: true, registered: 0, withdrawn: 1, failed: 'nacos answered 500' },
    ];
    expect(verdictOf(last, status, evidence({ registrations: [registration(1, holders)], elsewhere: 2 }), 2)).toEqual({
      kind: 'wait',
      why: ['shop lists 1 of 2 of nacos/public/DEFAULT_GROUP/orders (orders/2: nacos answered 500)'],
    });
  });

  test('is left in the same way by a changed plan', () => {
    const cause = { at: 9, by: 'file', why: 'its file changed' } as const;
    const { status } = respecified(
      last,
      plan('{ rung: resilience }, { rung: resilience, for: 1h }'),
      retired(),
      evidence(),
      cause,
    );
    expect([status.state.kind, status.withdrawal?.registrations.length]).toEqual(['returning', 1]);
  });

  test('of a plan that an older bridge retired is left when somebody has registered the target', () => {
    const { status } = rollBack(last, to({ kind: 'done', step: 1, since: 0 }), { at: 1, by: 'hand', why: 'asked' });
    expect(back(status, { registrations: [registration(0)] })).toBe('returning');
    expect(back(status, { registrations: [registration(undefined)] })).toBe('returning');
    expect(back(status, { registrations: [registration(1)] })).toBe('rolledBack');
  });
});

test('policies that would be lost stop resilience unless they are accepted', () => {
  const steps = '{ rung: traffic }, { rung: resilience }';
  const lossy = evidence({ lossy: ['orders.errorFilter'] });
  expect(verdictOf(plan(steps), started(0), lossy, 0)).toMatchObject({ why: [expect.stringContaining('orders.errorFilter')] });
  expect(command(plan(steps), started(0), 'promote', lossy, 0)).toHaveProperty('refused');
  expect(verdictOf(plan(steps, ', acceptLossy: [orders.errorFilter]'), started(0), lossy, 0).kind).toBe('pass');
  expect(verdictOf(plan(steps, ', acceptLossy: true'), started(0), lossy, 0).kind).toBe('pass');
});

describe('a plan that is changed', () => {
  const cause = { at: 99, by: 'file', why: 'its file changed' } as const;
  const before = plan('{ rung: shadow }, { rung: traffic, percent: 5 }, { rung: traffic }');
  const running = to({ kind: 'running', step: 1, since: 7 });

  test('goes on where only later steps are others', () => {
    const after = plan('{ rung: shadow }, { rung: traffic, percent: 5 }, { rung: traffic, for: 1h }');
    expect(respecified(before, after, running, good, cause).status.state).toEqual(running.state);
  });

  test('runs the first step that differs again, and all of them for another target or further consumers', () => {
    const other = plan('{ rung: shadow, for: 1m }, { rung: traffic, percent: 5 }, { rung: traffic }');
    expect(respecified(before, other, running, good, cause).status.state).toEqual({ kind: 'running', step: 0, since: 99 });
    const wider = { ...before, consumers: ['admin', 'web'] };
    expect(respecified(before, wider, running, good, cause).status.state).toMatchObject({ step: 0 });
    expect(respecified(wider, before, running, good, cause).status.state).toEqual(running.state);
  });

  test('does not climb by being changed: what the step it stands on asks for now is asked', () => {
    const unproven = evidence({ proof: { items: [] } });
    const after = plan('{ rung: shadow }, { rung: retired }');
    const { status, entries } = respecified(before, after, running, unproven, cause);
    expect(status.state).toMatchObject({ kind: 'paused', step: 0, by: 'gate' });
    expect(entries[0]?.what).toBe('changed; did not begin step 2 of 2, retired');
    const lossy = evidence({ lossy: ['retry'] });
    expect(begin(plan('{ rung: resilience }'), lossy, cause).status.state.kind).toBe('rolledBack');
    expect(begin(plan('{ rung: resilience }'), good, cause).status.state.kind).toBe('running');
  });

  test('stays paused where somebody paused it', () => {
    const paused = to({ kind: 'paused', step: 1, since: 7, at: 8, by: 'hand', why: '' });
    const after = plan('{ rung: shadow }, { rung: traffic, percent: 10 }');
    expect(respecified(before, after, paused, good, cause).status.state).toMatchObject({ kind: 'paused', step: 1 });
  });
});

test('what a step is judged by is what came since it began, also when the counters began again', () => {
  const arms = (calls: number) => ({
    arms: { sdk: arm(calls), mesh: arm(calls) },
    views: { comparisons: calls, matched: 0, union: 0 },
  });
  expect(since(arms(150), arms(100))).toMatchObject({ sdk: arm(50), mesh: arm(50), views: { comparisons: 50 } });
  expect(since(arms(20), arms(100))).toMatchObject({ sdk: arm(20), views: { comparisons: 20 } });
});

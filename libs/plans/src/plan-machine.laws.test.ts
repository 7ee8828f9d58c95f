import { describe, expect, test } from '@jest/globals';
import { POLICIES, RUNGS, rankOf } from '@isthmus/ladder';
import type { MeshHost } from '@isthmus/model';
import fc from 'fast-check';
import { arm, evidence, registration, WEB } from './testing/evidence.ts';
import { judge } from './gates.ts';
import type { Migration, Step } from './migration.ts';
import { COMMANDS, command } from './plan-commands.ts';
import { advance, begin, rollBack } from './plan-machine.ts';
import { isRetired, positionIn, withdrawnIn } from './plan-state.ts';
import type { PlanStatus } from './plan-state.ts';
import { isProven } from './retirement.ts';
import type { StepEvidence } from './step-evidence.ts';

const conditions = fc.record(
  {
    errorRateDelta: fc.constant({ op: '<=', value: 0.01 } as const),
    attemptsPerRequest: fc.constant({ op: '<=', value: 1.2 } as const),
    samples: fc.integer({ min: 1, max: 300 }).map((value) => ({ op: '>=', value }) as const),
  },
  { requiredKeys: [] },
);

const steps = fc
  .array(
    fc.tuple(fc.constantFrom(...RUNGS.slice(1)), fc.constantFrom(5, 50, 100), fc.integer({ min: 0, max: 1_000 }), conditions),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .map((list) =>
    [...list]
      .sort((a, b) => rankOf(a[0]) - rankOf(b[0]) || a[1] - b[1])
      .map(([rung, percent, forMs, gate]): Step => ({
        rung: rung as Step['rung'],
        percent: rung === 'shadow' || rung === 'retired' ? 100 : percent,
        forMs,
        gate: rung === 'shadow' ? {} : gate,
      })),
  );

const plans = fc
  .record({ steps, onFailure: fc.constantFrom('rollback' as const, 'pause' as const) })
  .map(({ steps: climbed, onFailure }): Migration => ({
    name: 'orders',
    target: { kind: 'host', host: 'orders.shop' as MeshHost },
    consumers: ['web'],
    steps: climbed,
    onFailure,
    acceptLossy: [],
  }));

const found: fc.Arbitrary<StepEvidence> = fc
  .record({
    sdk: fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 3 })),
    mesh: fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 3 })),
    acknowledged: fc.boolean(),
    connected: fc.boolean(),
    proven: fc.boolean(),
    listed: fc.constantFrom(undefined, 0, 1, 2),
    lossy: fc.constantFrom([], ['retry']),
  })
  .map(({ sdk, mesh, acknowledged, connected, proven, listed, lossy }) =>
    evidence({
      sdk: arm(sdk[0], Math.min(sdk[0], sdk[1])),
      mesh: arm(mesh[0], Math.min(mesh[0], mesh[1])),
      agents: [{ ...WEB, acknowledged, connected }],
      proof: { items: [{ about: 'providers', outcome: proven ? 'proven' : 'unknown', why: '' }] },
      registrations: [registration(listed)],
      elsewhere: 2,
      lossy,
    }),
  );

type Event = { readonly kind: 'time' | (typeof COMMANDS)[number]; readonly after: number; readonly found: StepEvidence };
const histories = fc.array(
  fc.record({
    kind: fc.constantFrom('time' as const, 'time' as const, ...COMMANDS),
    after: fc.integer({ min: 0, max: 900 }),
    found,
  }),
  { maxLength: 40 },
);

function take(plan: Migration, status: PlanStatus, { kind, found: seen }: Event, now: number): PlanStatus {
  if (kind === 'time') return advance(plan, status, seen, now).status;
  const done = command(plan, status, kind, seen, now);
  return 'refused' in done ? status : done.status;
}

function run(
  plan: Migration,
  history: readonly Event[],
  look: (before: PlanStatus, after: PlanStatus, event: Event, now: number) => void,
) {
  let now = 0;
  let status = begin(plan, evidence(), { at: 0, by: 'hand', why: '' }).status;
  for (const event of history) {
    now += event.after;
    const after = take(plan, status, event, now);
    look(status, after, event, now);
    status = after;
  }
  return { status, now };
}

describe('a plan', () => {
  test('never takes a step whose time, gate or agents are not there, and never two at once', () => {
    fc.assert(
      fc.property(plans, histories, (plan, history) => {
        run(plan, history, (before, after, { kind, found: seen }, now) => {
          const [from, to] = [before.state, after.state];
          if (from.kind !== 'running' || !('step' in to)) return;
          const climbed = to.step - from.step;
          expect([0, 1]).toContain(climbed);
          if (kind !== 'time' || (climbed === 0 && to.kind !== 'done')) return;
          const step = plan.steps[from.step] as Step;
          expect(now - from.since).toBeGreaterThanOrEqual(step.forMs);
          expect(judge(step, seen, before.reference).every(({ outcome }) => outcome === 'holds')).toBe(true);
          expect(seen.agents.every(({ acknowledged }) => acknowledged)).toBe(true);
        });
      }),
    );
  });

  test('is never retired without a proof, nor at resilience with policies lost, whoever asks', () => {
    fc.assert(
      fc.property(plans, histories, (plan, history) => {
        run(plan, history, (before, after, { found: seen }) => {
          if (!('step' in after.state) || ('step' in before.state && after.state.step === before.state.step)) return;
          if (isRetired(plan, after.state)) expect(isProven(seen.proof)).toBe(true);
          if (rankOf(positionIn(plan, after.state).rung) >= rankOf('resilience')) expect(seen.lossy).toEqual([]);
        });
      }),
    );
  });

  test('that is rolled back is at sdk, from wherever it was; from retired as soon as it is registered', () => {
    fc.assert(
      fc.property(plans, histories, (plan, history) => {
        const { status, now } = run(plan, history, () => undefined);
        const back = rollBack(plan, status, { at: now, by: 'hand', why: '' }).status;
        const wasRetired = isRetired(plan, status.state) || status.state.kind === 'returning';
        expect(positionIn(plan, back.state).rung).toBe(wasRetired ? 'resilience' : 'sdk');
        const registered = advance(plan, back, evidence({ registrations: [registration(2)], elsewhere: 2 }), now + 1).status;
        expect(positionIn(plan, registered.state).rung).toBe('sdk');
      }),
    );
  });

  test('takes a registration out only at retired, with every agent there and while its proof holds', () => {
    fc.assert(
      fc.property(plans, histories, (plan, history) => {
        run(plan, history, (before, after, { found: seen }) => {
          expect(after.withdrawal === undefined || isRetired(plan, after.state) || after.state.kind === 'returning').toBe(true);
          if (after.withdrawal === undefined || before.withdrawal !== undefined) return;
          expect(isRetired(plan, before.state)).toBe(true);
          expect(isProven(seen.proof)).toBe(true);
          expect(seen.agents.every(({ connected, acknowledged }) => connected && acknowledged)).toBe(true);
          expect(after.withdrawal.registrations).toMatchObject([{ instances: seen.registrations[0]?.listed }]);
        });
      }),
    );
  });

  test('that took a registration out is done only when nothing lists it, and back at sdk only when as many are listed as before', () => {
    fc.assert(
      fc.property(plans, histories, (plan, history) => {
        run(plan, history, (before, after, { found: seen }) => {
          const listed = seen.registrations[0]?.listed;
          if (isRetired(plan, after.state) && after.state.kind === 'done' && before.state.kind !== 'done') expect(listed).toBe(0);
          if (before.withdrawal === undefined || after.withdrawal !== undefined) return;
          expect([before.state.kind, after.state.kind]).toEqual(['returning', 'rolledBack']);
          expect(listed).toBeGreaterThanOrEqual(before.withdrawal.registrations[0]?.instances ?? Number.NaN);
        });
      }),
    );
  });

  test('tells providers to stay away at retired alone: from the moment that it leaves, they are told to register', () => {
    fc.assert(
      fc.property(plans, histories, (plan, history) => {
        run(plan, history, (_, after) => {
          if (withdrawnIn(plan, after).length > 0) expect(positionIn(plan, after.state).rung).toBe('retired');
          if (after.state.kind === 'returning') expect(withdrawnIn(plan, after)).toEqual([]);
        });
      }),
    );
  });

  test('that is at sdk stays there until somebody begins it again', () => {
    fc.assert(
      fc.property(plans, histories, (plan, history) => {
        run(plan, history, (before, after, { kind }) => {
          if (before.state.kind === 'rolledBack' && kind !== 'resume') expect(after).toEqual(before);
        });
      }),
    );
  });

  test('is where its history brings it: the same events, the same state', () => {
    fc.assert(
      fc.property(plans, histories, (plan, history) => {
        const [once, again] = [
          run(plan, history, () => undefined),
          run(plan, JSON.parse(JSON.stringify(history)), () => undefined),
        ];
        expect(JSON.stringify(again)).toBe(JSON.stringify(once));
      }),
    );
  });

  test('hands over what its step says, and everything where it says nothing', () => {
    const step: Step = { rung: 'resilience', percent: 20, hand: ['retry'], forMs: 0, gate: {} };
    const plan = { steps: [step, { rung: 'resilience', percent: 100, forMs: 0, gate: {} }] } as unknown as Migration;
    expect(positionIn(plan, { kind: 'running', step: 0, since: 0 }).hand).toEqual(['retry']);
    expect(positionIn(plan, { kind: 'running', step: 1, since: 0 }).hand).toEqual(POLICIES);
  });
});

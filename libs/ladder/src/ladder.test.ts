import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { START, positionOf, rungOfCall, step } from './ladder.ts';
import type { LadderEvent, LadderState } from './ladder.ts';
import { POLICIES, ownerOf } from './owners.ts';
import type { Capability, Owner } from './owners.ts';
import { RUNGS, rankOf, rungBelow } from './rung.ts';

const rungs = fc.constantFrom(...RUNGS);
const positions = fc
  .tuple(rungs, fc.integer({ min: 0, max: 100 }), fc.subarray([...POLICIES]))
  .map(([rung, percent, hand]) => positionOf(rung, percent, hand));
const events: fc.Arbitrary<LadderEvent> = fc.oneof(
  positions.map((position) => ({ kind: 'desire' as const, position })),
  rungs.map((highest) => ({ kind: 'ready' as const, highest })),
  fc.boolean().map((registered) => ({ kind: 'registration' as const, registered })),
);
const histories = fc.array(events, { maxLength: 30 });
const after = (history: readonly LadderEvent[]): LadderState => history.reduce(step, START);

describe('the ladder', () => {
  test('begins at the SDK and stays there until something is both desired and ready', () => {
    const desired = step(START, { kind: 'desire', position: positionOf('traffic', 5) });
    expect(desired.effective.rung).toBe('sdk');
    expect(step(desired, { kind: 'ready', highest: 'retired' }).effective).toEqual(positionOf('traffic', 5));
  });

  test('is always at the lower of desired and ready, unless nothing is left to go back to', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const { desired, ready, effective, registered } = after(history);
        const expected = Math.min(rankOf(desired.rung), rankOf(ready));
        if (registered) expect(rankOf(effective.rung)).toBe(expected);
        else expect([expected, rankOf('retired')]).toContain(rankOf(effective.rung));
      }),
    );
  });

  test('reaches sdk from every rung in one step, except from retired', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const state = after(history);
        const down = step(state, { kind: 'desire', position: positionOf('sdk') });
        const lost = step(state, { kind: 'ready', highest: 'sdk' });
        const held = state.effective.rung === 'retired' && !state.registered;
        expect([down.effective.rung, lost.effective.rung]).toEqual(held ? ['retired', 'retired'] : ['sdk', 'sdk']);
      }),
    );
  });

  test('comes down from retired as soon as the service is registered again', () => {
    const up: LadderEvent[] = [
      { kind: 'ready', highest: 'retired' },
      { kind: 'desire', position: positionOf('retired') },
      { kind: 'registration', registered: false },
      { kind: 'desire', position: positionOf('sdk') },
    ];
    expect(after(up).effective.rung).toBe('retired');
    expect(step(after(up), { kind: 'registration', registered: true }).effective.rung).toBe('sdk');
  });

  test('puts every call on the effective rung or the one below it', () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 0, max: 9_999 }), (history, bucket) => {
        const state = after(history);
        const rung = rungOfCall(state, bucket);
        expect([state.effective.rung, rungBelow(state.effective.rung)]).toContain(rung);
      }),
    );
  });

  test('gives a demoted target the whole of the rung that it fell to, not a share of it', () => {
    const state = after([
      { kind: 'ready', highest: 'retired' },
      { kind: 'desire', position: positionOf('resilience', 20, ['retry']) },
      { kind: 'ready', highest: 'discovery' },
    ]);
    expect(state.effective).toEqual({ rung: 'discovery', percent: 100, hand: [] });
  });
});

describe('owners', () => {
  const table = (capability: Capability, hand = POLICIES): Owner[] => RUNGS.map((rung) => ownerOf(capability, rung, hand));

  test('are those of the table in the documentation', () => {
    expect(table('finds')).toEqual(['sdk', 'sdk', 'agent', 'sidecar', 'sidecar', 'sidecar']);
    expect(table('picks')).toEqual(['sdk', 'sdk', 'agent', 'sidecar', 'sidecar', 'sidecar']);
    expect(table('retry')).toEqual(['process', 'process', 'process', 'process', 'sidecar', 'sidecar']);
    expect(table('registers')).toEqual(['sdk', 'sdk', 'sdk', 'sdk', 'sdk', 'nobody']);
  });

  test('of a policy that is not handed over stay in the process', () => {
    expect(table('timeout', ['retry'] as never)).toEqual(['process', 'process', 'process', 'process', 'process', 'sidecar']);
  });

  test('move up the ladder once and never back and forth', () => {
    fc.assert(
      fc.property(fc.constantFrom<Capability>('finds', 'picks', ...POLICIES), fc.subarray([...POLICIES]), (capability, hand) => {
        const owners = RUNGS.map((rung) => ownerOf(capability, rung, hand));
        const changes = owners.filter((owner, at) => at > 0 && owner !== owners[at - 1]);
        expect(new Set(changes).size).toBe(changes.length);
        expect(owners.at(-1)).toBe('sidecar');
      }),
    );
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { handOverOf, keptBy, markOf } from './hand-over.ts';
import { positionOf } from './ladder.ts';
import { POLICIES, ownerOf } from './owners.ts';
import { RUNGS, dialsSidecar, rungBelow } from './rung.ts';

const steps = fc
  .tuple(fc.constantFrom(...RUNGS), fc.constantFrom(5, 100), fc.subarray([...POLICIES]))
  .map(([rung, percent, hand]) => positionOf(rung, percent, hand));

/** What a sidecar that was told of one step does with a call of this mark. */
function left(over: ReturnType<typeof handOverOf>, mark: string): readonly string[] {
  if (over === undefined) return [];
  if (mark === '') return over.unmarked;
  return over.marked.find((each) => each.mark === mark)?.kept ?? POLICIES;
}

describe('what a sidecar leaves to the process', () => {
  test('is what the process keeps, for calls of a step and for those of the rung below it', () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (step, isNamed) => {
        const over = handOverOf(step, isNamed);
        for (const rung of step.percent === 100 ? [step.rung] : [step.rung, rungBelow(step.rung)]) {
          if (!dialsSidecar(rung)) continue;
          const kept = keptBy(rung, step.hand);
          expect([...left(over, markOf(kept))]).toEqual(step.rung === 'retired' ? [] : [...kept]);
        }
      }),
    );
  });

  test('is never less than what the process keeps while the two know different steps of a plan', () => {
    fc.assert(
      fc.property(steps, steps, (known, next) => {
        if (known.rung === 'retired' || !dialsSidecar(next.rung)) return;
        const kept = keptBy(next.rung, next.hand);
        expect(left(handOverOf(known, false), markOf(kept))).toEqual(expect.arrayContaining([...kept]));
      }),
    );
  });

  test('is nothing for calls without a mark, unless the plan names their consumer', () => {
    fc.assert(
      fc.property(steps, (step) => {
        expect(left(handOverOf(step, false), '')).toEqual([]);
        const named = left(handOverOf(step, true), '');
        const owners = POLICIES.filter((policy) => ownerOf(policy, step.rung, step.hand) === 'process');
        if (step.percent === 100 && dialsSidecar(step.rung)) expect(named).toEqual(owners);
        if (!dialsSidecar(step.rung)) expect(named).toEqual([]);
      }),
    );
  });

  test('has one mark for each set of policies', () => {
    expect(markOf(['retry', 'timeout'])).toBe('timeout,retry');
    expect(markOf(keptBy('traffic', []))).toBe('timeout,retry,circuitBreaking');
    expect(markOf(keptBy('resilience', ['retry']))).toBe('timeout,circuitBreaking');
    expect([markOf(keptBy('resilience', POLICIES)), markOf(keptBy('retired', []))]).toEqual(['none', 'none']);
  });
});

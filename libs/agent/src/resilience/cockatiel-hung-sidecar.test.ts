import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { until } from '@isthmus/model/testing';
import { SampledOutcomes } from './sampled-outcomes.ts';
import { COCKATIELS, PoliciesInStorm } from './testing/policies-in-storm.ts';
import type { TimedBreaker } from './testing/policies-in-storm.ts';

describe.each(COCKATIELS)('beside a sidecar that hangs a breaker of cockatiel %s', (_version, cockatiel) => {
  const all = new PoliciesInStorm(cockatiel);
  const { ConsecutiveBreaker, CountBreaker, SamplingBreaker } = cockatiel;

  /** A call that an instance has: it has as long as a busy machine takes. */
  const runBack = (made: TimedBreaker): Promise<unknown> => all.run({ ...made, timeoutMs: 60_000 });
  const times = (count: number, word: string): readonly string[] => Array.from({ length: count }, () => word);

  describe.each([
    ['three in a row', () => new ConsecutiveBreaker(3)],
    ['half of the last four', () => new CountBreaker({ threshold: 0.5, size: 4, minimumNumberOfCalls: 3 })],
    ['half of a minute', () => new SamplingBreaker({ threshold: 0.5, duration: 60_000, minimumRps: 0.05 })],
  ] as const)('that opens for %s', (_name, sampling) => {
    test.each([
      ['traffic', 'BrokenCircuitError'],
      ['resilience', 'TaskCancelledError'],
    ] as const)('lets calls through that come back to the instances from %s', async (rung, then) => {
      const made = all.breakerOf({ breaker: sampling(), timeoutMs: 5 });
      all.storm.plan({ rung });
      all.storm.egressSays = () => undefined;
      expect(await all.runAll(made, 6)).toEqual([...times(3, 'TaskCancelledError'), ...times(3, then)]);
      all.storm.lose();
      expect([await runBack(made), made.breaker.state]).toEqual(['sdk', 0]);
      expect(made.events).toEqual(rung === 'traffic' ? ['break', 'reset'] : []);
    });

    test('does not open for calls that run out of time after it was found lost', async () => {
      /** @returns undefined: on a busy machine they ran out of it before */
      const lostInTime = async (rung: 'traffic' | 'resilience', timeoutMs: number): Promise<TimedBreaker | undefined> => {
        const made = all.breakerOf({ breaker: sampling(), timeoutMs });
        let hanging = 0;
        let ended = 0;
        all.storm.lookWell();
        all.storm.plan({ rung });
        all.storm.egressSays = () => void (hanging += 1);
        const call = (at: number): Promise<unknown> => all.run(made, String(at)).finally(() => (ended += 1));
        const calls = Promise.all(Array.from({ length: 6 }, (_, at) => call(at)));
        await until('the sidecar has them', () => hanging === 6 || ended > 0);
        if (ended === 0) all.storm.lose();
        const inTime = ended === 0;
        expect(await calls).toEqual(times(6, 'TaskCancelledError'));
        return inTime ? made : undefined;
      };
      for (const rung of ['traffic', 'resilience'] as const) {
        let made: TimedBreaker | undefined;
        for (let timeoutMs = 50; made === undefined; timeoutMs *= 2) made = await lostInTime(rung, timeoutMs);
        expect([await runBack(made), made.events]).toEqual(['sdk', []]);
      }
    });

    test('is open where the sidecar was seen well afterwards: then it was the target', async () => {
      const made = all.breakerOf({ breaker: sampling(), timeoutMs: 5 });
      all.storm.plan({ rung: 'resilience' });
      all.storm.egressSays = () => undefined;
      await all.runAll(made, 6);
      all.storm.lookWell();
      all.storm.lose();
      expect(await runBack(made)).toBe('BrokenCircuitError');
    });

    test('is open for what failed at the instances', async () => {
      const made = all.breakerOf({ breaker: sampling(), timeoutMs: 50 });
      all.storm.plan({ rung: 'sdk' });
      all.storm.behaviour = () => 500;
      await all.runAll(made, 6);
      all.storm.plan({ rung: 'traffic' });
      all.storm.lose();
      expect(await runBack(made)).toBe('BrokenCircuitError');
    });
  });

  describe('that was half-open', () => {
    const halfOpen = async (rung: 'traffic' | 'resilience', timeoutMs: number): Promise<TimedBreaker> => {
      const made = all.breakerOf({ halfOpenAfter: new cockatiel.IterableBackoff([0, 3_600_000]) });
      all.storm.plan({ rung: 'sdk' });
      all.storm.behaviour = () => 500;
      await all.runAll(made, 3);
      all.storm.behaviour = () => 200;
      all.storm.plan({ rung });
      all.storm.egressSays = () => undefined;
      return { ...made, timeoutMs };
    };

    test.each(['traffic', 'resilience'] as const)(
      'has its trial again that failed at %s before it was found lost',
      async (rung) => {
        const made = await halfOpen(rung, 5);
        const then = rung === 'traffic' ? 'BrokenCircuitError' : 'TaskCancelledError';
        expect(await all.runAll(made, 2)).toEqual(['TaskCancelledError', then]);
        all.storm.lose();
        expect([await runBack(made), made.breaker.state]).toEqual(['sdk', 0]);
      },
    );

    test.each(['traffic', 'resilience'] as const)('has it again that failed at %s after that', async (rung) => {
      const made = await halfOpen(rung, 50);
      let hanging = false;
      all.storm.egressSays = () => void (hanging = true);
      const trial = all.run(made);
      await until('the sidecar has it', () => hanging);
      all.storm.lose();
      expect(await trial).toBe('TaskCancelledError');
      all.storm.behaviour = () => 500;
      expect([await runBack(made), await runBack(made)]).toEqual(['status 500', 'BrokenCircuitError']);
    });
  });

  test('stays open for a trial that failed at sdk, when the sidecar is found lost at last', async () => {
    const made = all.breakerOf({ halfOpenAfter: new cockatiel.IterableBackoff([0, 3_600_000]), timeoutMs: 5 });
    all.storm.plan({ rung: 'traffic' });
    all.storm.egressSays = () => undefined;
    await all.runAll(made, 3);
    all.storm.plan({ rung: 'sdk' });
    all.storm.behaviour = () => 500;
    expect(await runBack(made)).toBe('status 500');
    all.storm.plan({ rung: 'traffic' });
    all.storm.lose();
    expect(await runBack(made)).toBe('BrokenCircuitError');
  });

  test('counts whatever is mixed with them as if they had not been', () => {
    const outcome = fc.constantFrom('success', 'failure', 'suspect');
    const samplings = fc.constantFrom(
      () => new ConsecutiveBreaker(3),
      () => new CountBreaker({ threshold: 0.5, size: 5 }),
    );
    fc.assert(
      fc.property(samplings, fc.array(outcome, { maxLength: 30 }), (make, outcomes) => {
        const seen = { goodLooks: 1, lostAfter: -1 };
        const [told, plain] = [make(), make()];
        const counted = new SampledOutcomes(told);
        for (const one of outcomes) {
          if (one === 'success') counted.succeeded(0);
          else counted.failed(0, one === 'suspect' ? { seen, goodLooks: 1 } : undefined);
          if (one === 'success') plain.success(0);
          if (one === 'failure') plain.failure(0);
        }
        seen.lostAfter = 1;
        counted.settle(seen);
        expect(told.state).toEqual(plain.state);
      }),
    );
  });
});

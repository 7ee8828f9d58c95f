import { beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import type { OpossumBreaker } from './opossum-shape.ts';
import { BreakersInStorm, VERSIONS } from './testing/breakers-in-storm.ts';

describe.each(VERSIONS)('beside a sidecar that hangs a breaker of opossum %s', (_version, CircuitBreaker) => {
  const all = new BreakersInStorm(CircuitBreaker);
  const TIMEOUT = { timeout: 5, resetTimeout: 3_600_000 };
  const six = (words: string): readonly string[] => [0, 1, 2, 3, 4, 5].map((at) => `fallback of ${at}: ${words}`);

  /** A call that an instance has: it has as long as a busy machine takes. */
  const fireBack = (breaker: ReturnType<typeof all.breakerOf>): Promise<unknown> => {
    (breaker as unknown as OpossumBreaker).options.timeout = 60_000;
    return all.fire(breaker);
  };

  describe.each([
    ['traffic', {}],
    ['resilience', { meshTimeoutMs: 5, marginMs: 1 }],
  ] as const)('at %s', (rung, wrapping) => {
    beforeEach(() => {
      all.storm.plan({ rung });
      all.storm.egressSays = () => undefined;
    });

    test('lets calls through to the instances that come back to them, whatever ran out of time before the sidecar was found lost', async () => {
      const breaker = all.breakerOf(TIMEOUT, wrapping);
      const rejected = rung === 'traffic' ? 'EOPENBREAKER' : 'ETIMEDOUT';
      expect(await all.fireAll(breaker, 6)).toEqual([...six('ETIMEDOUT').slice(0, 4), ...six(rejected).slice(4)]);
      all.storm.lose();
      expect(await fireBack(breaker)).toBe('sdk');
      expect(breaker.closed).toBe(true);
    });

    test.each([
      ['after it was found lost', false],
      ['when it is well again', true],
    ])('does not open for calls that the sidecar had and that run out of time %s', async (_, isWellAgain) => {
      /** @returns undefined: on a busy machine they ran out of it before */
      const lostInTime = async (timeout: number) => {
        const breaker = all.breakerOf({ ...TIMEOUT, timeout }, { ...wrapping, meshTimeoutMs: timeout });
        let hanging = 0;
        let ended = 0;
        all.storm.lookWell();
        all.storm.egressSays = () => void (hanging += 1);
        const call = (at: number): Promise<unknown> => all.fire(breaker, String(at)).finally(() => (ended += 1));
        const calls = Promise.all([0, 1, 2, 3, 4, 5].map(call));
        await until('the sidecar has them', () => hanging === 6 || ended > 0);
        const inTime = ended === 0;
        if (inTime) all.storm.lose();
        if (inTime && isWellAgain) all.storm.lookWell();
        expect(await calls).toEqual(six('ETIMEDOUT'));
        return inTime ? breaker : undefined;
      };
      let breaker: ReturnType<typeof all.breakerOf> | undefined;
      for (let timeout = 50; breaker === undefined; timeout *= 2) breaker = await lostInTime(timeout);
      all.storm.egressSays = undefined;
      expect([breaker.closed, await fireBack(breaker)]).toEqual([true, isWellAgain ? 'mesh' : 'sdk']);
    });

    test('does so also where the agent was replaced in place between two such calls', async () => {
      const breaker = all.breakerOf(TIMEOUT, wrapping);
      await all.fire(breaker);
      const seen = { goodLooks: 0, lostAfter: -1 };
      all.storm.watchedBy(seen);
      await all.fireAll(breaker, 5);
      seen.lostAfter = seen.goodLooks;
      all.storm.decider.judge(() => false);
      expect(await fireBack(breaker)).toBe('sdk');
    });

    test('is open for what ran out of time when the sidecar was seen well afterwards: then it was the target', async () => {
      const breaker = all.breakerOf(TIMEOUT, wrapping);
      await all.fireAll(breaker, 6);
      all.storm.lookWell();
      all.storm.lose();
      expect(await fireBack(breaker)).toBe('fallback of a: EOPENBREAKER');
    });
  });

  describe('that was half-open', () => {
    const halfOpen = async (timeout: number) => {
      const breaker = all.breakerOf({ timeout, resetTimeout: 1 });
      breaker.open();
      await until('it is half-open', () => breaker.halfOpen);
      (breaker as unknown as OpossumBreaker).options.resetTimeout = TIMEOUT.resetTimeout;
      all.storm.plan({ rung: 'traffic' });
      return breaker;
    };

    test('has its trial again, at the instances, where it failed before the sidecar was found lost', async () => {
      const breaker = await halfOpen(5);
      all.storm.egressSays = () => undefined;
      expect(await all.fireAll(breaker, 2)).toEqual(['fallback of 0: ETIMEDOUT', 'fallback of 1: EOPENBREAKER']);
      all.storm.lose();
      expect([await fireBack(breaker), breaker.closed]).toEqual(['sdk', true]);
    });

    test('has it again also where it failed after that', async () => {
      /** @returns undefined: on a busy machine it ran out of time before */
      const lostInTime = async (timeout: number) => {
        const breaker = await halfOpen(timeout);
        let hanging = false;
        let hasEnded = false;
        all.storm.lookWell();
        all.storm.egressSays = () => void (hanging = true);
        const trial = all.fire(breaker).finally(() => (hasEnded = true));
        await until('the sidecar has it', () => hanging || hasEnded);
        const inTime = !hasEnded;
        if (inTime) all.storm.lose();
        expect([await trial, breaker.opened]).toEqual(['fallback of a: ETIMEDOUT', true]);
        return inTime ? breaker : undefined;
      };
      let breaker: ReturnType<typeof all.breakerOf> | undefined;
      for (let timeout = 50; breaker === undefined; timeout *= 2) breaker = await lostInTime(timeout);
      all.storm.behaviour = () => 500;
      expect([await fireBack(breaker), await fireBack(breaker)]).toEqual([
        'fallback of a: status 500',
        'fallback of a: EOPENBREAKER',
      ]);
    });

    test('is open where a look afterwards was good: then it was the target', async () => {
      const breaker = await halfOpen(5);
      all.storm.egressSays = () => undefined;
      await all.fire(breaker);
      all.storm.lookWell();
      all.storm.lose();
      expect(await fireBack(breaker)).toBe('fallback of a: EOPENBREAKER');
    });
  });

  describe('that opened beside it, and then the plan went back to sdk', () => {
    const openAtSdk = async () => {
      const breaker = all.breakerOf({ ...TIMEOUT, resetTimeout: 1 });
      all.storm.plan({ rung: 'traffic' });
      all.storm.egressSays = () => undefined;
      await all.fireAll(breaker, 4);
      await until('it is half-open', () => breaker.halfOpen);
      (breaker as unknown as OpossumBreaker).options.resetTimeout = TIMEOUT.resetTimeout;
      return breaker;
    };

    test('stays open for the trial that failed there, when the sidecar is found lost at last', async () => {
      const breaker = await openAtSdk();
      all.storm.plan({ rung: 'sdk' });
      all.storm.behaviour = () => 500;
      expect(await fireBack(breaker)).toBe('fallback of a: status 500');
      all.storm.plan({ rung: 'traffic' });
      all.storm.lose();
      expect(await fireBack(breaker)).toBe('fallback of a: EOPENBREAKER');
    });

    test('stays open when the sidecar is found lost long after', async () => {
      const breaker = all.breakerOf(TIMEOUT);
      all.storm.plan({ rung: 'traffic' });
      all.storm.egressSays = () => undefined;
      await all.fireAll(breaker, 4);
      all.storm.plan({ rung: 'sdk' });
      expect(breaker.opened).toBe(true);
      all.storm.lose();
      all.storm.sidecar.lostAt += 60_000;
      expect(await fireBack(breaker)).toBe('fallback of a: EOPENBREAKER');
    });
  });

  test('stays open for what failed at the instances', async () => {
    const breaker = all.breakerOf(TIMEOUT);
    all.storm.plan({ rung: 'sdk' });
    all.storm.behaviour = () => 500;
    await all.fireAll(breaker, 6);
    all.storm.plan({ rung: 'traffic' });
    all.storm.lose();
    expect(await fireBack(breaker)).toBe('fallback of a: EOPENBREAKER');
  });

  test('has no trial in one that was half-open when it was handed over', async () => {
    const breaker = all.breakerOf({ ...TIMEOUT, resetTimeout: 1 }, { meshTimeoutMs: 5, marginMs: 1 });
    breaker.open();
    await until('it is half-open', () => breaker.halfOpen);
    (breaker as unknown as OpossumBreaker).options.resetTimeout = TIMEOUT.resetTimeout;
    all.storm.plan({ rung: 'resilience' });
    all.storm.egressSays = () => undefined;
    await all.fireAll(breaker, 2);
    all.storm.lose();
    expect([await fireBack(breaker), breaker.closed]).toEqual(['sdk', true]);
  });
});

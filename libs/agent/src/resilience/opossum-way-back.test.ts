import { describe, expect, jest, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import type { OpossumBreaker } from './opossum-shape.ts';
import { BreakersInStorm, OPTIONS, VERSIONS } from './testing/breakers-in-storm.ts';
import { thirtyPercent } from './testing/storm.ts';

describe.each(VERSIONS)('on its way back to the process a breaker of opossum %s', (_version, CircuitBreaker) => {
  const all = new BreakersInStorm(CircuitBreaker);

  test('lets calls through that was open when it was handed over, and is open again on the way back', async () => {
    const breaker = all.breakerOf();
    all.storm.plan({ rung: 'sdk' });
    all.storm.behaviour = () => 500;
    await all.fireAll(breaker, 5);
    expect(breaker.opened).toBe(true);
    all.storm.plan({ rung: 'resilience' });
    all.storm.behaviour = () => 200;
    expect(await all.fire(breaker)).toBe('mesh');
    all.storm.plan({ rung: 'sdk' });
    expect(await all.fire(breaker)).toBe('fallback of a: EOPENBREAKER');
  });

  test('is warm on the way back: what failed in the mesh has it open with the first call in the process', async () => {
    const breaker = all.breakerOf();
    all.storm.plan({ rung: 'resilience' });
    all.storm.behaviour = () => 500;
    await all.fireAll(breaker, 5);
    expect(breaker.opened).toBe(false);
    const before = all.storm.attempts.size;
    all.storm.plan({ rung: 'sdk' });
    expect(await all.fire(breaker, 'back')).toBe('fallback of back: EOPENBREAKER');
    expect({ opened: breaker.opened, asked: all.storm.attempts.size - before }).toEqual({ opened: true, asked: 0 });
  });

  test.each([3_600_000, -3_600_000])(
    'is open on the way back for what is left of its time when the clock jumps by %i ms',
    async (jump) => {
      const breaker = all.breakerOf();
      all.storm.plan({ rung: 'resilience' });
      all.storm.behaviour = () => 500;
      await all.fireAll(breaker, 5);
      const { now } = Date;
      const clock = jest.spyOn(Date, 'now').mockImplementation(() => now() + jump);
      try {
        const times: number[] = [];
        breaker.on('open', () => times.push((breaker as unknown as OpossumBreaker).options.resetTimeout));
        all.storm.plan({ rung: 'sdk' });
        expect(await all.fire(breaker)).toBe('fallback of a: EOPENBREAKER');
        expect(times).toEqual([expect.any(Number)]);
        expect(times[0]).toBeGreaterThan(0);
        expect(times[0]).toBeLessThanOrEqual(OPTIONS.resetTimeout);
      } finally {
        clock.mockRestore();
      }
    },
  );

  test('is open on the way back while trouble in the mesh goes on, however long ago it began', async () => {
    const breaker = all.breakerOf();
    all.storm.plan({ rung: 'resilience' });
    all.storm.behaviour = () => 500;
    await all.fireAll(breaker, 5);
    let later = 0;
    const { now } = performance;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + later);
    try {
      // It would have been half-open by then, and this call would have been its trial.
      later = OPTIONS.resetTimeout + 1_000;
      await all.fire(breaker);
      later += 1_000;
      all.storm.plan({ rung: 'sdk' });
      expect(await all.fire(breaker)).toBe('fallback of a: EOPENBREAKER');
    } finally {
      clock.mockRestore();
    }
  });

  describe('that was half-open when it was handed over', () => {
    const halfOpen = async () => {
      const breaker = all.breakerOf({ resetTimeout: 1, volumeThreshold: 100 });
      breaker.open();
      await until('it is half-open', () => breaker.halfOpen);
      (breaker as unknown as OpossumBreaker).options.resetTimeout = OPTIONS.resetTimeout;
      all.storm.plan({ rung: 'resilience' });
      return breaker;
    };

    test('is open on the way back for one failure in the mesh', async () => {
      const breaker = await halfOpen();
      all.storm.behaviour = () => 500;
      expect(await all.fire(breaker)).toBe('fallback of a: status 500');
      expect(breaker.opened).toBe(false);
      all.storm.plan({ rung: 'sdk' });
      expect(await all.fire(breaker)).toBe('fallback of a: EOPENBREAKER');
    });

    test('is half-open still after refusals of the sidecar, which have tried nothing: open at one failure in the process', async () => {
      const breaker = await halfOpen();
      all.storm.egressSays = (response) => response.writeHead(503, { server: 'envoy' }).end();
      expect(await all.fireAll(breaker, 3)).toEqual([0, 1, 2].map((at) => `fallback of ${at}: EOPENBREAKER`));
      all.storm.plan({ rung: 'sdk' });
      all.storm.behaviour = () => 500;
      expect(await all.fireAll(breaker, 2)).toEqual(['fallback of 0: status 500', 'fallback of 1: EOPENBREAKER']);
    });

    test('is closed on the way back by one success in the mesh', async () => {
      const breaker = await halfOpen();
      expect(await all.fire(breaker)).toBe('mesh');
      all.storm.plan({ rung: 'sdk' });
      all.storm.behaviour = () => 500;
      await all.fireAll(breaker, 2);
      expect(breaker.closed).toBe(true);
    });
  });

  test('does not open anew for refusals of the sidecar: they are no failures in the process either', async () => {
    const breaker = all.breakerOf();
    all.storm.plan({ rung: 'resilience' });
    all.storm.behaviour = () => 500;
    await all.fireAll(breaker, 10);
    let later = 0;
    const { now } = performance;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + later);
    try {
      later = OPTIONS.resetTimeout + 1_000;
      all.storm.egressSays = (response) => response.writeHead(503, { server: 'envoy' }).end();
      await all.fire(breaker);
      all.storm.plan({ rung: 'sdk' });
      expect(await all.fire(breaker)).toBe('fallback of a: status 500');
    } finally {
      clock.mockRestore();
    }
  });

  test('is closed on the way back when the mesh had no trouble', async () => {
    const breaker = all.breakerOf();
    all.storm.plan({ rung: 'resilience' });
    all.storm.behaviour = thirtyPercent;
    await all.fireAll(breaker, 20);
    all.storm.plan({ rung: 'traffic' });
    all.storm.behaviour = () => 200;
    expect(await all.fire(breaker)).toBe('mesh');
    expect(breaker.closed).toBe(true);
  });
});

import { describe, expect, jest, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import { COCKATIELS, PoliciesInStorm } from './testing/policies-in-storm.ts';
import type { TimedBreaker } from './testing/policies-in-storm.ts';

describe.each(COCKATIELS)('on its way back to the process a breaker of cockatiel %s', (version, cockatiel) => {
  const all = new PoliciesInStorm(cockatiel);
  const hour = 3_600_000;

  /** Opened at `sdk`, and its backoff over: the next call would be its trial. It is handed over then. */
  const halfOpen = async (more: Parameters<PoliciesInStorm['breakerOf']>[0] = {}): Promise<TimedBreaker> => {
    const backoff = new cockatiel.IterableBackoff([0, hour]);
    const made = all.breakerOf({ halfOpenAfter: backoff, ...more });
    all.storm.plan({ rung: 'sdk' });
    all.storm.behaviour = () => 500;
    await all.runAll(made, 3);
    expect(made.breaker.state).toBe(1);
    all.storm.plan({ rung: 'resilience' });
    return made;
  };

  test('that would be half-open at the hand-over is closed by one success in the mesh', async () => {
    const made = await halfOpen();
    all.storm.behaviour = () => 200;
    expect([await all.run(made), made.events]).toEqual(['mesh', ['break']]);
    all.storm.plan({ rung: 'sdk' });
    all.storm.behaviour = () => 500;
    expect(await all.runAll(made, 2)).toEqual(['status 500', 'status 500']);
    expect([made.breaker.state, made.events]).toEqual([0, ['break', 'reset']]);
  });

  test('that would be half-open then is open for one failure in the mesh, for its next backoff', async () => {
    const made = await halfOpen();
    expect(await all.run(made)).toBe('status 500');
    all.storm.plan({ rung: 'sdk' });
    all.storm.behaviour = () => 200;
    expect(await all.run(made)).toBe('BrokenCircuitError');
    expect(made.breaker.state).toBe(1);
  });

  test('that would be half-open then is so still after refusals of the sidecar, which have tried nothing', async () => {
    const made = await halfOpen();
    all.storm.egressSays = (response) => response.writeHead(503, { server: 'envoy' }).end();
    expect(await all.runAll(made, 3)).toEqual(Array.from({ length: 3 }, () => 'BrokenCircuitError'));
    all.storm.plan({ rung: 'sdk' });
    expect(await all.runAll(made, 2)).toEqual(['status 500', 'BrokenCircuitError']);
  });

  test('that would be half-open then is closed by an error that it is not for', async () => {
    const made = await halfOpen({ errors: cockatiel.handleWhen((error) => error.message !== 'status 404') });
    all.storm.behaviour = () => 404;
    expect(await all.run(made)).toBe('status 404');
    all.storm.plan({ rung: 'sdk' });
    all.storm.behaviour = () => 500;
    expect(await all.runAll(made, 2)).toEqual(['status 500', 'status 500']);
  });

  test('whose trial in the process is under way goes by that', async () => {
    const made = await halfOpen();
    all.storm.plan({ rung: 'sdk' });
    all.storm.behaviour = () => 'hang';
    made.timeoutMs = 100;
    const trial = all.run(made, 'trial');
    await until('the instance has it', () => all.storm.attempts.has('trial'));
    all.storm.plan({ rung: 'resilience' });
    made.timeoutMs = 60_000;
    all.storm.behaviour = () => 200;
    expect(made.breaker.state).toBe(2);
    expect(await all.run(made)).toBe('mesh');
    expect(await trial).toBe('TaskCancelledError');
    all.storm.plan({ rung: 'sdk' });
    expect(await all.run(made)).toBe('BrokenCircuitError');
  });

  test('does not open for refusals of the sidecar: they are no failures in the process either', async () => {
    const made = all.breakerOf();
    all.storm.plan({ rung: 'resilience' });
    all.storm.egressSays = (response) => response.writeHead(503, { server: 'envoy' }).end();
    await all.runAll(made, 10);
    all.storm.plan({ rung: 'sdk' });
    expect(await all.run(made)).toBe('sdk');
  });

  test('is open while trouble in the mesh goes on, however long ago it began', async () => {
    const made = all.breakerOf({ halfOpenAfter: 60_000 });
    all.storm.plan({ rung: 'resilience' });
    all.storm.behaviour = () => 500;
    await all.runAll(made, 5);
    let later = 0;
    const { now } = performance;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + later);
    try {
      later = 61_000;
      await all.run(made);
      later += 1_000;
      all.storm.plan({ rung: 'sdk' });
      expect(await all.run(made)).toBe('BrokenCircuitError');
    } finally {
      clock.mockRestore();
    }
  });

  test('stays as it was held by hand', async () => {
    const made = all.breakerOf();
    const held = made.breaker.isolate();
    all.storm.plan({ rung: 'resilience' });
    expect(await all.run(made)).toBe('mesh');
    all.storm.plan({ rung: 'sdk' });
    expect(await all.run(made)).toBe('IsolatedCircuitError');
    held.dispose();
    expect(await all.run(made)).toBe('sdk');
  });

  test('that was made of what another had is what that was', async () => {
    const first = all.breakerOf();
    all.storm.plan({ rung: 'sdk' });
    all.storm.behaviour = () => 500;
    await all.runAll(first, 3);
    const made = all.breakerOf({ initialState: JSON.parse(JSON.stringify(first.breaker)) as unknown } as object);
    all.storm.plan({ rung: 'resilience' });
    all.storm.behaviour = () => 200;
    expect(await all.run(made)).toBe('mesh');
    all.storm.plan({ rung: 'sdk' });
    expect(await all.run(made)).toBe('BrokenCircuitError');
  });

  if (version === '4')
    test('with a trial of several calls is decided by so many in the mesh', async () => {
      const made = await halfOpen({ halfOpenSampling: { calls: 3, threshold: 0.5 } });
      let asked = 0;
      all.storm.meshRetries = 0;
      all.storm.behaviour = () => (asked++ === 0 ? 500 : 200);
      expect(await all.runAll(made, 3)).toEqual(['status 500', 'mesh', 'mesh']);
      all.storm.plan({ rung: 'sdk' });
      expect([await all.run(made), made.breaker.state]).toEqual(['sdk', 0]);
    });
});

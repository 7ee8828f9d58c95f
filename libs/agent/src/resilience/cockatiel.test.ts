import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import * as cockatiel3 from 'cockatiel-3';
import * as cockatiel4 from 'cockatiel-4';
import { wrapPolicy } from './cockatiel.ts';
import { resilienceParts } from './resilience-parts.ts';
import { HOST, Storm, thirtyPercent } from './testing/storm.ts';

const VERSIONS = [
  ['3', cockatiel3],
  ['4', cockatiel4 as unknown as typeof cockatiel3],
] as const;

describe.each(VERSIONS)('policies of cockatiel %s', (_version, cockatiel) => {
  const {
    TimeoutStrategy,
    ConsecutiveBreaker,
    SamplingBreaker,
    bulkhead,
    circuitBreaker,
    fallback,
    handleAll,
    handleType,
    retry,
    timeout,
    wrap,
  } = cockatiel;
  let storm: Storm;
  beforeEach(async () => (storm = await Storm.start()));
  afterEach(() => storm.stop());

  const ask = async (id: string): Promise<string> => {
    const { statusCode = 0, text, headers } = await storm.get(id);
    if (statusCode < 400) return text;
    throw Object.assign(new Error(`status ${statusCode}`), { response: { status: statusCode, headers } });
  };
  interface Executes {
    execute(fn: () => Promise<string>): Promise<unknown>;
  }
  const run = (policy: Executes, id = 'a'): Promise<unknown> =>
    policy
      .execute(() => ask(id))
      .catch((error: Error) => (error.constructor.name === 'Error' ? error.message : error.constructor.name));
  const runAll = async (policy: Executes, count: number): Promise<readonly unknown[]> => {
    const answers: unknown[] = [];
    for (let at = 0; at < count; at += 1) answers.push(await run(policy, String(at)));
    return answers;
  };
  const breakerOf = (forMs = 60_000) =>
    wrapPolicy(circuitBreaker(handleAll, { halfOpenAfter: forMs, breaker: new ConsecutiveBreaker(3) }), { target: HOST });
  const retryOf = (maxAttempts = 4) => wrapPolicy(retry(handleAll, { maxAttempts }), { target: HOST });

  test('a breaker trips in the process, and at resilience never; the way back is open if it would be', async () => {
    storm.behaviour = () => 500;
    storm.plan({ rung: 'traffic' });
    expect((await runAll(breakerOf(), 4)).at(-1)).toBe('BrokenCircuitError');
    storm.plan({ rung: 'resilience' });
    const breaker = breakerOf();
    expect(await runAll(breaker, 6)).toEqual(Array.from({ length: 6 }, () => 'status 500'));
    expect(breaker.state).toBe(0);
    storm.plan({ rung: 'sdk' });
    storm.behaviour = () => 200;
    expect(await run(breaker, 'back')).toBe('BrokenCircuitError');
    expect([breaker.state, storm.attempts.has('back')]).toEqual([1, false]);
  });

  test('a breaker that would be half-open by now lets one call through on the way back, and closes', async () => {
    storm.behaviour = () => 500;
    storm.plan({ rung: 'resilience' });
    const breaker = breakerOf(0);
    await runAll(breaker, 4);
    storm.plan({ rung: 'sdk' });
    storm.behaviour = () => 200;
    expect([await run(breaker), breaker.state]).toEqual(['sdk', 0]);
  });

  test.each([
    [3_600_000, 60_000, 'BrokenCircuitError'],
    [-3_600_000, 0, 'sdk'],
  ])('a clock that jumps by %i ms is no time that passed: after %i ms it would be half-open', async (jump, forMs, comes) => {
    storm.behaviour = () => 500;
    storm.plan({ rung: 'resilience' });
    const breaker = breakerOf(forMs);
    await runAll(breaker, 4);
    const { now } = Date;
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => now() + jump);
    try {
      storm.plan({ rung: 'sdk' });
      storm.behaviour = () => 200;
      expect(await run(breaker)).toBe(comes);
    } finally {
      clock.mockRestore();
    }
  });

  test('an open one lets calls of the share through, and stays open for the others', async () => {
    const breaker = breakerOf();
    storm.behaviour = () => 500;
    await runAll(breaker, 3);
    storm.behaviour = () => 200;
    storm.plan({ rung: 'resilience' });
    expect(await run(breaker)).toBe('mesh');
    storm.plan({ rung: 'sdk' });
    expect(await run(breaker)).toBe('BrokenCircuitError');
  });

  test('a bulkhead holds nothing back where the sidecar breaks circuits', async () => {
    const narrow = wrapPolicy(bulkhead(1), { target: HOST });
    const three = (): Promise<unknown[]> => Promise.all(['x', 'y', 'z'].map((id) => run(narrow, id)));
    storm.plan({ rung: 'traffic' });
    expect(await three()).toEqual(['mesh', 'BulkheadRejectedError', 'BulkheadRejectedError']);
    storm.plan({ rung: 'resilience' });
    expect(await three()).toEqual(['mesh', 'mesh', 'mesh']);
  });

  test('a fallback sees the errors of the same classes for what the sidecar refuses', async () => {
    storm.plan({ rung: 'resilience' });
    const broken = fallback(handleType(cockatiel.BrokenCircuitError), 'for broken');
    const cancelled = fallback(handleType(cockatiel.TaskCancelledError), 'for cancelled');
    const policy = wrapPolicy(
      wrap(
        broken,
        cancelled,
        circuitBreaker(handleAll, { halfOpenAfter: 1, breaker: new ConsecutiveBreaker(3) }),
        timeout(2_000, TimeoutStrategy.Aggressive),
      ),
      { target: HOST },
    );
    storm.egressSays = (response) => response.writeHead(503, { server: 'envoy' }).end();
    expect(await run(policy as Executes)).toBe('for broken');
    storm.egressSays = (response) => response.writeHead(504, { server: 'envoy' }).end();
    expect(await run(policy as Executes)).toBe('for cancelled');
    storm.egressSays = (response) => response.writeHead(503, { server: 'envoy', 'x-envoy-upstream-service-time': '1' }).end();
    expect(await run(policy as Executes)).toBe('status 503');
  });

  test('attempts never exceed those of the owner of the retries, at any rung and share', async () => {
    storm.behaviour = thirtyPercent;
    for (const [rung, percent] of [
      ['sdk', 100],
      ['traffic', 50],
      ['traffic', 100],
      ['resilience', 30],
      ['resilience', 100],
    ] as const) {
      storm.attempts.clear();
      storm.ways.clear();
      storm.plan({ rung, percent });
      const answers = await runAll(retryOf(4), 100);
      expect(answers.filter((answer) => answer === 'status 500').length).toBeLessThanOrEqual(6);
      // 1 + 4 in the process, 1 + 2 in the sidecar; naively 15.
      expect(storm.mostAttempts).toBeLessThanOrEqual(rung === 'resilience' && percent === 100 ? 3 : 5);
      expect(storm.mostAttempts).toBeGreaterThan(1);
      expect([...storm.ways.values()].every((ways) => ways.size === 1)).toBe(true);
    }
  });

  test('a retry that the process keeps is the process’s: the sidecar is told and does not repeat', async () => {
    storm.behaviour = () => 500;
    storm.plan({ rung: 'resilience', hand: ['timeout', 'circuitBreaking'] });
    const givenUp: unknown[] = [];
    const kept = retryOf(2);
    kept.onGiveUp(() => givenUp.push('kept'));
    await run(kept, 'kept');
    storm.plan({ rung: 'resilience' });
    const handed = retryOf(2);
    handed.onGiveUp(() => givenUp.push('handed'));
    await run(handed, 'handed');
    expect(Object.fromEntries(storm.attempts)).toEqual({ kept: 3, handed: 3 });
    expect(givenUp).toEqual(['kept', 'handed']);
  });

  test('a deadline leaves the mesh a margin', async () => {
    storm.behaviour = () => 'hang';
    storm.plan({ rung: 'resilience', timeoutMs: 40 });
    const policy = wrapPolicy(timeout(5, TimeoutStrategy.Aggressive), { target: HOST, marginMs: 10 });
    const message = (): Promise<string> => policy.execute(() => ask('a')).then(String, (error: Error) => error.message);
    expect(await message()).toBe('Operation timed out after 50ms');
    storm.plan({ rung: 'traffic' });
    expect(await message()).toBe('Operation timed out after 5ms');
  });

  test('are told of, with their real options', () => {
    const target = `told.${_version}`;
    const sampling = circuitBreaker(handleAll, {
      halfOpenAfter: 9,
      breaker: new SamplingBreaker({ threshold: 0.2, duration: 5_000, minimumRps: 3 }),
    });
    const policy = wrapPolicy(
      wrap(retry(handleAll, { maxAttempts: 7 }), sampling, timeout(11, TimeoutStrategy.Cooperative), bulkhead(2, 1)),
      { target },
    );
    const told = resilienceParts()
      .filter((part) => part.target === target)
      .flatMap((part) => part.policies());
    expect(told.map(({ policy: kind, options }) => [kind, options])).toEqual([
      ['retry', { maxAttempts: 7, backoff: 0 }],
      ['circuitBreaking', { halfOpenAfter: 9, breaker: 'sampling', threshold: 0.2, duration: 5_000, minimumRps: 3 }],
      ['timeout', { duration: 11, strategy: 'optimistic' }],
      ['circuitBreaking', { capacity: 2, queueCapacity: 1 }],
    ]);
    expect(policy.wrapped).toHaveLength(4);
  });

  test('are told of with what is code or without an end, which the mesh cannot have', () => {
    const target = `code.${_version}`;
    const is5xx = cockatiel.handleWhen(({ message }) => message !== 'status 404').orWhenResult((value) => value === 'failed');
    wrapPolicy(
      wrap(
        retry(is5xx, { backoff: new cockatiel.ExponentialBackoff() }),
        circuitBreaker(is5xx, { halfOpenAfter: new cockatiel.ExponentialBackoff(), breaker: new ConsecutiveBreaker(3) }),
      ),
      { target },
    );
    const told = resilienceParts()
      .filter((part) => part.target === target)
      .flatMap((part) => part.policies());
    const code = { errorFilter: '[function]', resultFilter: '[function]' };
    expect(told.map(({ options }) => options)).toEqual([
      { maxAttempts: 'Infinity', backoff: '[function]', ...code },
      { halfOpenAfter: '[function]', breaker: 'consecutive', threshold: 3, ...code },
    ]);
  });
});

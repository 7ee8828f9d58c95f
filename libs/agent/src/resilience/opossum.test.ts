import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import Opossum8 from 'opossum';
import Opossum9 from 'opossum-9';
import Opossum10 from 'opossum-10';
import { askSources } from '../control/report-sources.ts';
import { wrapBreaker, wrapOpossum } from './opossum.ts';
import type { OpossumBreaker } from './opossum-shape.ts';
import { resilienceParts } from './resilience-parts.ts';
import { HOST, Storm, thirtyPercent } from './testing/storm.ts';

const VERSIONS = [
  ['8.5', Opossum8],
  ['9', Opossum9],
  ['10', Opossum10],
] as const;

/** What an application has: an answer of 5xx is an error, of 404 too, but no reason to open. */
class Status extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

describe.each(VERSIONS)('a breaker of opossum %s', (version, CircuitBreaker) => {
  let storm: Storm;
  let made: InstanceType<typeof Opossum8>[];
  beforeEach(async () => {
    made = [];
    storm = await Storm.start();
  });
  afterEach(async () => {
    for (const breaker of made) breaker.shutdown();
    await storm.stop();
  });

  const OPTIONS = { errorThresholdPercentage: 50, volumeThreshold: 4, resetTimeout: 60_000, timeout: 2_000 };
  const breakerOf = (options: object = {}, wrapping: object = {}) => {
    const call = async (id: string): Promise<string> => {
      const { statusCode = 0, text, headers } = await storm.get(id);
      if (statusCode >= 400) throw Object.assign(new Status(statusCode), { response: { status: statusCode, headers } });
      return text;
    };
    const isHarmless = (error: Error): boolean => error instanceof Status && error.status === 404;
    const breaker = new CircuitBreaker(call, { ...OPTIONS, errorFilter: isHarmless, name: 'orders', ...options });
    made.push(breaker);
    breaker.fallback((id: string, error: Error & { code?: string }) => `fallback of ${id}: ${error.code ?? error.message}`);
    return wrapBreaker(breaker, { target: HOST, ...wrapping });
  };
  const fire = (breaker: InstanceType<typeof Opossum8>, id = 'a'): Promise<unknown> =>
    breaker.fire(id).catch((error: Error) => error.message);
  const fireAll = async (breaker: InstanceType<typeof Opossum8>, count: number): Promise<readonly unknown[]> => {
    const answers: unknown[] = [];
    for (let at = 0; at < count; at += 1) answers.push(await fire(breaker, String(at)));
    return answers;
  };

  test('is as it was where no plan names its target, and at every rung below resilience', async () => {
    for (const rung of [undefined, 'sdk', 'traffic'] as const) {
      if (rung !== undefined) storm.plan({ rung });
      const breaker = breakerOf();
      storm.behaviour = () => 500;
      const answers = await fireAll(breaker, 6);
      expect(answers.slice(0, 4)).toEqual([0, 1, 2, 3].map((at) => `fallback of ${at}: status 500`));
      expect(answers.slice(4)).toEqual(['fallback of 4: EOPENBREAKER', 'fallback of 5: EOPENBREAKER']);
      expect(breaker.opened).toBe(true);
    }
  });

  test('at resilience observes: it lets every call through, past its threshold and its capacity, and keeps fallback and filter', async () => {
    storm.plan({ rung: 'resilience' });
    storm.meshRetries = 0;
    const breaker = breakerOf({ capacity: 1 });
    const opened: string[] = [];
    breaker.on('open', () => opened.push('open'));
    storm.behaviour = () => 500;
    expect(await fireAll(breaker, 10)).toEqual(Array.from({ length: 10 }, (_, at) => `fallback of ${at}: status 500`));
    storm.behaviour = () => 404;
    expect(await fire(breaker)).toBe('status 404');
    storm.behaviour = () => 200;
    expect(await Promise.all(['x', 'y', 'z'].map((id) => fire(breaker, id)))).toEqual(['mesh', 'mesh', 'mesh']);
    expect(storm.attempts.size).toBe(14);
    expect({ opened, state: [breaker.opened, breaker.closed] }).toEqual({ opened: [], state: [false, true] });
    // The statistics go on, in the breaker that the application looks at.
    expect(breaker.stats).toMatchObject({ fires: 14, failures: 10, successes: 4, fallbacks: 10, rejects: 0 });
  });

  test('lets calls through that was open when it was handed over, and is open again on the way back', async () => {
    const breaker = breakerOf();
    storm.plan({ rung: 'sdk' });
    storm.behaviour = () => 500;
    await fireAll(breaker, 5);
    expect(breaker.opened).toBe(true);
    storm.plan({ rung: 'resilience' });
    storm.behaviour = () => 200;
    expect(await fire(breaker)).toBe('mesh');
    storm.plan({ rung: 'sdk' });
    expect(await fire(breaker)).toBe('fallback of a: EOPENBREAKER');
  });

  test('is warm on the way back: what failed in the mesh has it open with the first call in the process', async () => {
    const breaker = breakerOf();
    storm.plan({ rung: 'resilience' });
    storm.behaviour = () => 500;
    await fireAll(breaker, 5);
    expect(breaker.opened).toBe(false);
    const before = storm.attempts.size;
    storm.plan({ rung: 'sdk' });
    expect(await fire(breaker, 'back')).toBe('fallback of back: EOPENBREAKER');
    expect({ opened: breaker.opened, asked: storm.attempts.size - before }).toEqual({ opened: true, asked: 0 });
  });

  test.each([3_600_000, -3_600_000])(
    'is open on the way back for what is left of its time when the clock jumps by %i ms',
    async (jump) => {
      const breaker = breakerOf();
      storm.plan({ rung: 'resilience' });
      storm.behaviour = () => 500;
      await fireAll(breaker, 5);
      const { now } = Date;
      const clock = jest.spyOn(Date, 'now').mockImplementation(() => now() + jump);
      try {
        const times: number[] = [];
        breaker.on('open', () => times.push((breaker as unknown as OpossumBreaker).options.resetTimeout));
        storm.plan({ rung: 'sdk' });
        expect(await fire(breaker)).toBe('fallback of a: EOPENBREAKER');
        expect(times).toEqual([expect.any(Number)]);
        expect(times[0]).toBeGreaterThan(0);
        expect(times[0]).toBeLessThanOrEqual(OPTIONS.resetTimeout);
      } finally {
        clock.mockRestore();
      }
    },
  );

  test('is open on the way back while trouble in the mesh goes on, however long ago it began', async () => {
    const breaker = breakerOf();
    storm.plan({ rung: 'resilience' });
    storm.behaviour = () => 500;
    await fireAll(breaker, 5);
    let later = 0;
    const { now } = performance;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + later);
    try {
      // It would have been half-open by then, and this call would have been its trial.
      later = OPTIONS.resetTimeout + 1_000;
      await fire(breaker);
      later += 1_000;
      storm.plan({ rung: 'sdk' });
      expect(await fire(breaker)).toBe('fallback of a: EOPENBREAKER');
    } finally {
      clock.mockRestore();
    }
  });

  test('that was half-open when it was handed over is open on the way back for what failed in the mesh', async () => {
    const breaker = breakerOf({ resetTimeout: 1 });
    breaker.open();
    await until('it is half-open', () => breaker.halfOpen);
    (breaker as unknown as OpossumBreaker).options.resetTimeout = OPTIONS.resetTimeout;
    storm.plan({ rung: 'resilience' });
    storm.behaviour = () => 500;
    await fireAll(breaker, 5);
    storm.plan({ rung: 'sdk' });
    expect(await fire(breaker)).toBe('fallback of a: EOPENBREAKER');
  });

  test('is closed on the way back when the mesh had no trouble', async () => {
    const breaker = breakerOf();
    storm.plan({ rung: 'resilience' });
    storm.behaviour = thirtyPercent;
    await fireAll(breaker, 20);
    storm.plan({ rung: 'traffic' });
    storm.behaviour = () => 200;
    expect(await fire(breaker)).toBe('mesh');
    expect(breaker.closed).toBe(true);
  });

  test('keeps to itself what is not in hand', async () => {
    storm.plan({ rung: 'resilience', hand: ['retry', 'timeout'] });
    storm.behaviour = () => 500;
    const breaker = breakerOf();
    expect((await fireAll(breaker, 5)).at(-1)).toBe('fallback of 4: EOPENBREAKER');
  });

  test('decides for each call: those of the share pass an open breaker, the others are turned away', async () => {
    const breaker = breakerOf();
    storm.plan({ rung: 'sdk' });
    storm.behaviour = () => 500;
    await fireAll(breaker, 5);
    storm.behaviour = () => 200;
    storm.plan({ rung: 'resilience', percent: 30 });
    const answers = await fireAll(breaker, 100);
    const through = answers.filter((answer) => answer === 'mesh').length;
    expect(through).toBeGreaterThanOrEqual(28);
    expect(through).toBeLessThanOrEqual(32);
    expect(answers.filter((answer) => String(answer).endsWith('EOPENBREAKER')).length).toBe(100 - through);
  });

  test('leaves calls out of a sticky share whose key it cannot read, and says so; with the headers it reads it', async () => {
    storm.plan({ rung: 'resilience', percent: 50, stickyBy: 'header:x-call' });
    storm.behaviour = () => 500;
    const blind = breakerOf();
    expect((await fireAll(blind, 5)).at(-1)).toBe('fallback of 4: EOPENBREAKER');
    expect(storm.diagnostics.map(({ code }) => code)).toEqual(['sticky-unreadable']);
    const seeing = breakerOf({}, { headers: (id: string) => ({ 'x-call': id }) });
    storm.behaviour = () => 200;
    const [first, again] = [await fireAll(seeing, 20), await fireAll(seeing, 20)];
    expect(again).toEqual(first);
  });

  test('gives the mesh a margin with its deadline in hand, and keeps its own without', async () => {
    storm.behaviour = () => 'hang';
    storm.plan({ rung: 'resilience', timeoutMs: 30 });
    const handed = breakerOf({ timeout: 5 }, { marginMs: 20 });
    const later = await fire(handed);
    expect(later).toBe('fallback of a: ETIMEDOUT');
    storm.plan({ rung: 'resilience', timeoutMs: 30, hand: ['circuitBreaking'] });
    const deadlines: string[] = [];
    const kept = breakerOf({ timeout: 5 }, { marginMs: 20 });
    for (const [name, breaker] of [
      ['handed', handed],
      ['kept', kept],
    ] as const)
      breaker.on('timeout', (error: Error) => deadlines.push(`${name} ${error.message}`));
    await fire(kept);
    storm.plan({ rung: 'resilience', timeoutMs: 30 });
    await fire(handed);
    expect(deadlines).toEqual(['kept Timed out after 5ms', 'handed Timed out after 50ms']);
    expect((handed as unknown as OpossumBreaker).options.timeout).toBe(5);
  });

  test('turns what the sidecar itself answers into its own errors, so that fallback and events are those of before', async () => {
    storm.plan({ rung: 'resilience' });
    const breaker = breakerOf();
    const events: string[] = [];
    for (const event of ['reject', 'timeout', 'semaphoreLocked', 'failure'] as const)
      breaker.on(event as 'reject', () => void events.push(event));
    const said: [number, Record<string, string>][] = [
      [503, { server: 'envoy' }],
      [503, { server: 'envoy', 'x-envoy-overloaded': 'true' }],
      [504, { server: 'envoy' }],
      [503, { 'x-envoy-response-flags': 'UH' }],
      [503, { server: 'envoy', 'x-envoy-upstream-service-time': '3' }],
    ];
    const answers: unknown[] = [];
    for (const [status, headers] of said) {
      storm.egressSays = (response) => response.writeHead(status, headers).end();
      answers.push(await fire(breaker));
    }
    expect(answers.map((answer) => String(answer).replace('fallback of a: ', ''))).toEqual([
      'EOPENBREAKER', 'ESEMLOCKED', 'ETIMEDOUT', 'EOPENBREAKER', 'status 503',
    ]); // prettier-ignore
    expect(events).toEqual(['reject', 'semaphoreLocked', 'failure', 'timeout', 'failure', 'reject', 'failure']);
    breaker.fallback(undefined as never);
    storm.egressSays = (response) => response.writeHead(503, { server: 'envoy' }).end();
    const error: unknown = await breaker.fire('a').catch((reason: unknown) => reason);
    expect([CircuitBreaker.isOurError(error as Error), (error as { code: string }).code]).toEqual([true, 'EOPENBREAKER']);
  });

  test('never asks more often than the one who owns the retries, at any rung, in a storm of 30 % failures', async () => {
    storm.behaviour = thirtyPercent;
    for (const [rung, percent] of [
      ['sdk', 100],
      ['traffic', 50],
      ['traffic', 100],
      ['resilience', 30],
      ['resilience', 100],
      ['retired', 100],
    ] as const) {
      storm.attempts.clear();
      storm.plan({ rung, percent });
      await fireAll(breakerOf({ errorThresholdPercentage: 90 }), 100);
      // The breaker does not retry; the sidecar may, twice, and only where it owns that.
      const budget = rung === 'resilience' || rung === 'retired' ? 3 : 1;
      expect(storm.mostAttempts).toBeGreaterThanOrEqual(Math.min(2, budget));
      expect(storm.mostAttempts).toBeLessThanOrEqual(budget);
    }
  });

  test('renews a signal that a timeout aborted, although it never changes its state', async () => {
    storm.plan({ rung: 'resilience', timeoutMs: 5 });
    storm.behaviour = () => 'hang';
    const breaker = breakerOf({ timeout: 5, autoRenewAbortController: true }, { marginMs: 1 });
    const signal = (): AbortSignal | undefined => (breaker as unknown as { getSignal(): AbortSignal | undefined }).getSignal();
    const first = signal();
    await fire(breaker);
    expect([first?.aborted, signal()?.aborted]).toEqual([true, false]);
  });

  test('that is switched off or shut down stays so', async () => {
    storm.plan({ rung: 'resilience' });
    storm.behaviour = () => 500;
    const breaker = breakerOf();
    breaker.disable();
    expect(await fire(breaker)).toBe('status 500');
    breaker.enable();
    breaker.shutdown();
    expect(await fire(breaker)).toBe('The circuit has been shutdown.');
  });

  test('is told of: its state, what it turned away, and its real options', async () => {
    const told = `told ${version}`;
    storm.plan({ rung: 'sdk' });
    const Wrapped = wrapOpossum(CircuitBreaker, ({ name }) => (name === told ? { target: HOST } : undefined));
    const breaker = new Wrapped(async (id: string) => (await storm.get(id)).text, { name: told, capacity: 7 });
    const other = new Wrapped(async () => 'other', { name: 'other' });
    made.push(breaker, other);
    expect(breaker).toBeInstanceOf(CircuitBreaker);
    const part = () => resilienceParts().find((each) => each.breaker?.().name === told);
    await breaker.fire('a');
    expect(part()?.breaker?.()).toEqual({ name: told, library: 'opossum', state: 'closed', rejected: 0 });
    storm.plan({ rung: 'resilience' });
    await breaker.fire('a');
    expect(part()?.breaker?.()).toMatchObject({ state: 'observing' });
    expect(part()?.policies()).toMatchObject([
      {
        host: HOST,
        library: 'opossum',
        name: told,
        policy: 'circuitBreaking',
        options: { capacity: 7, timeout: 10_000, resetTimeout: 30_000, errorThresholdPercentage: 50, volumeThreshold: 0 },
      },
    ]);
    expect(resilienceParts().some((each) => each.breaker?.().name === 'other')).toBe(false);
    // And so the agent's reports have it: its breakers with the target, its policies when they are new.
    const breakers = askSources((source) => source.breakersOf?.(HOST, 80)).flat();
    expect(breakers.filter(({ name }) => name === told)).toMatchObject([{ state: 'observing' }]);
    expect(askSources((source) => source.breakersOf?.(HOST, 81)).flat()).toEqual([]);
    const mine = (): number => askSources((source) => source.policies?.()).flat().filter(({ name }) => name === told).length; // prettier-ignore
    expect([mine(), mine()]).toEqual([1, 0]);
    askSources((source) => source.lost?.());
    expect(mine()).toBe(1);
  });

  test('does not notice a fault of the agent', async () => {
    const breaker = breakerOf({}, { target: () => { throw new Error('no such thing'); } }); // prettier-ignore
    expect(await fire(breaker)).toBe('sdk');
  });
});

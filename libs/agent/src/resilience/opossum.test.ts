import { describe, expect, test } from '@jest/globals';
import { askSources } from '../control/report-sources.ts';
import { wrapOpossum } from './opossum.ts';
import type { OpossumBreaker } from './opossum-shape.ts';
import { resilienceParts } from './resilience-parts.ts';
import { BreakersInStorm, VERSIONS } from './testing/breakers-in-storm.ts';
import { HOST, thirtyPercent } from './testing/storm.ts';

describe.each(VERSIONS)('a breaker of opossum %s', (version, CircuitBreaker) => {
  const all = new BreakersInStorm(CircuitBreaker);

  test('is as it was where no plan names its target, and at every rung below resilience', async () => {
    for (const rung of [undefined, 'sdk', 'traffic'] as const) {
      if (rung !== undefined) all.storm.plan({ rung });
      const breaker = all.breakerOf();
      all.storm.behaviour = () => 500;
      const answers = await all.fireAll(breaker, 6);
      expect(answers.slice(0, 4)).toEqual([0, 1, 2, 3].map((at) => `fallback of ${at}: status 500`));
      expect(answers.slice(4)).toEqual(['fallback of 4: EOPENBREAKER', 'fallback of 5: EOPENBREAKER']);
      expect(breaker.opened).toBe(true);
    }
  });

  test('at resilience observes: it lets every call through, past its threshold and its capacity, and keeps fallback and filter', async () => {
    all.storm.plan({ rung: 'resilience' });
    all.storm.meshRetries = 0;
    const breaker = all.breakerOf({ capacity: 1 });
    const opened: string[] = [];
    breaker.on('open', () => opened.push('open'));
    all.storm.behaviour = () => 500;
    expect(await all.fireAll(breaker, 10)).toEqual(Array.from({ length: 10 }, (_, at) => `fallback of ${at}: status 500`));
    all.storm.behaviour = () => 404;
    expect(await all.fire(breaker)).toBe('status 404');
    all.storm.behaviour = () => 200;
    expect(await Promise.all(['x', 'y', 'z'].map((id) => all.fire(breaker, id)))).toEqual(['mesh', 'mesh', 'mesh']);
    expect(all.storm.attempts.size).toBe(14);
    expect({ opened, state: [breaker.opened, breaker.closed] }).toEqual({ opened: [], state: [false, true] });
    // The statistics go on, in the breaker that the application looks at.
    expect(breaker.stats).toMatchObject({ fires: 14, failures: 10, successes: 4, fallbacks: 10, rejects: 0 });
  });

  test('keeps to itself what is not in hand', async () => {
    all.storm.plan({ rung: 'resilience', hand: ['retry', 'timeout'] });
    all.storm.behaviour = () => 500;
    const breaker = all.breakerOf();
    expect((await all.fireAll(breaker, 5)).at(-1)).toBe('fallback of 4: EOPENBREAKER');
  });

  test('decides for each call: those of the share pass an open breaker, the others are turned away', async () => {
    const breaker = all.breakerOf();
    all.storm.plan({ rung: 'sdk' });
    all.storm.behaviour = () => 500;
    await all.fireAll(breaker, 5);
    all.storm.behaviour = () => 200;
    all.storm.plan({ rung: 'resilience', percent: 30 });
    const answers = await all.fireAll(breaker, 100);
    const through = answers.filter((answer) => answer === 'mesh').length;
    expect(through).toBeGreaterThanOrEqual(28);
    expect(through).toBeLessThanOrEqual(32);
    expect(answers.filter((answer) => String(answer).endsWith('EOPENBREAKER')).length).toBe(100 - through);
  });

  test('leaves calls out of a sticky share whose key it cannot read, and says so; with the headers it reads it', async () => {
    all.storm.plan({ rung: 'resilience', percent: 50, stickyBy: 'header:x-call' });
    all.storm.behaviour = () => 500;
    const blind = all.breakerOf();
    expect((await all.fireAll(blind, 5)).at(-1)).toBe('fallback of 4: EOPENBREAKER');
    expect(all.storm.diagnostics.map(({ code }) => code)).toEqual(['sticky-unreadable']);
    const seeing = all.breakerOf({}, { headers: (id: string) => ({ 'x-call': id }) });
    all.storm.behaviour = () => 200;
    const [first, again] = [await all.fireAll(seeing, 20), await all.fireAll(seeing, 20)];
    expect(again).toEqual(first);
  });

  test('gives the mesh a margin with its deadline in hand, and keeps its own without', async () => {
    all.storm.behaviour = () => 'hang';
    all.storm.plan({ rung: 'resilience', timeoutMs: 30 });
    const handed = all.breakerOf({ timeout: 5 }, { marginMs: 20 });
    const later = await all.fire(handed);
    expect(later).toBe('fallback of a: ETIMEDOUT');
    all.storm.plan({ rung: 'resilience', timeoutMs: 30, hand: ['circuitBreaking'] });
    const deadlines: string[] = [];
    const kept = all.breakerOf({ timeout: 5 }, { marginMs: 20 });
    for (const [name, breaker] of [
      ['handed', handed],
      ['kept', kept],
    ] as const)
      breaker.on('timeout', (error: Error) => deadlines.push(`${name} ${error.message}`));
    await all.fire(kept);
    all.storm.plan({ rung: 'resilience', timeoutMs: 30 });
    await all.fire(handed);
    expect(deadlines).toEqual(['kept Timed out after 5ms', 'handed Timed out after 50ms']);
    expect((handed as unknown as OpossumBreaker).options.timeout).toBe(5);
  });

  test('turns what the sidecar itself answers into its own errors, so that fallback and events are those of before', async () => {
    all.storm.plan({ rung: 'resilience' });
    const breaker = all.breakerOf();
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
      all.storm.egressSays = (response) => response.writeHead(status, headers).end();
      answers.push(await all.fire(breaker));
    }
    expect(answers.map((answer) => String(answer).replace('fallback of a: ', ''))).toEqual([
      'EOPENBREAKER', 'ESEMLOCKED', 'ETIMEDOUT', 'EOPENBREAKER', 'status 503',
    ]); // prettier-ignore
    expect(events).toEqual(['reject', 'semaphoreLocked', 'failure', 'timeout', 'failure', 'reject', 'failure']);
    breaker.fallback(undefined as never);
    all.storm.egressSays = (response) => response.writeHead(503, { server: 'envoy' }).end();
    const error: unknown = await breaker.fire('a').catch((reason: unknown) => reason);
    expect([CircuitBreaker.isOurError(error as Error), (error as { code: string }).code]).toEqual([true, 'EOPENBREAKER']);
  });

  test('never asks more often than the one who owns the retries, at any rung, in a storm of 30 % failures', async () => {
    all.storm.behaviour = thirtyPercent;
    for (const [rung, percent] of [
      ['sdk', 100],
      ['traffic', 50],
      ['traffic', 100],
      ['resilience', 30],
      ['resilience', 100],
      ['retired', 100],
    ] as const) {
      all.storm.attempts.clear();
      all.storm.plan({ rung, percent });
      await all.fireAll(all.breakerOf({ errorThresholdPercentage: 90 }), 100);
      // The breaker does not retry; the sidecar may, twice, and only where it owns that.
      const budget = rung === 'resilience' || rung === 'retired' ? 3 : 1;
      expect(all.storm.mostAttempts).toBeGreaterThanOrEqual(Math.min(2, budget));
      expect(all.storm.mostAttempts).toBeLessThanOrEqual(budget);
    }
  });

  test('renews a signal that a timeout aborted, although it never changes its state', async () => {
    all.storm.plan({ rung: 'resilience', timeoutMs: 5 });
    all.storm.behaviour = () => 'hang';
    const breaker = all.breakerOf({ timeout: 5, autoRenewAbortController: true }, { marginMs: 1 });
    const signal = (): AbortSignal | undefined => (breaker as unknown as { getSignal(): AbortSignal | undefined }).getSignal();
    const first = signal();
    await all.fire(breaker);
    expect([first?.aborted, signal()?.aborted]).toEqual([true, false]);
  });

  test('that is switched off or shut down stays so', async () => {
    all.storm.plan({ rung: 'resilience' });
    all.storm.behaviour = () => 500;
    const breaker = all.breakerOf();
    breaker.disable();
    expect(await all.fire(breaker)).toBe('status 500');
    breaker.enable();
    breaker.shutdown();
    expect(await all.fire(breaker)).toBe('The circuit has been shutdown.');
  });

  test('is told of: its state, what it turned away, and its real options', async () => {
    const told = `told ${version}`;
    all.storm.plan({ rung: 'sdk' });
    const Wrapped = wrapOpossum(CircuitBreaker, ({ name }) => (name === told ? { target: HOST } : undefined));
    const breaker = new Wrapped(async (id: string) => (await all.storm.get(id)).text, { name: told, capacity: 7 });
    const other = new Wrapped(async () => 'other', { name: 'other' });
    all.made.push(breaker, other);
    expect(breaker).toBeInstanceOf(CircuitBreaker);
    const part = () => resilienceParts().find((each) => each.breaker?.().name === told);
    await breaker.fire('a');
    expect(part()?.breaker?.()).toEqual({ name: told, library: 'opossum', state: 'closed', rejected: 0 });
    all.storm.plan({ rung: 'resilience' });
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
    const breaker = all.breakerOf({}, { target: () => { throw new Error('no such thing'); } }); // prettier-ignore
    expect(await all.fire(breaker)).toBe('sdk');
  });
});

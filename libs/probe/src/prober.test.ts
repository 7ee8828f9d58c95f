import { getEventListeners } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import type { ProbeResult } from './probe-result.ts';
import { Prober } from './prober.ts';
import type { ProberOptions } from './prober.ts';

const OPTIONS: ProberOptions = { intervalMs: 10_000, healthy: 2, unhealthy: 3, perSecond: 1_000, concurrency: 10 };
const well: ProbeResult = { healthy: true };
const ill: ProbeResult = { healthy: false, reason: 'connection refused' };

/** A prober on a clock of its own. */
function setUp(options: Partial<ProberOptions> = {}) {
  let now = 0;
  const timers = new Map<number, { readonly at: number; readonly run: () => void }>();
  let nextTimer = 0;
  const verdicts: string[] = [];
  const checks: { readonly id: string; readonly at: number }[] = [];
  const state = { answer: well as ProbeResult | undefined, inFlight: 0, most: 0, failing: new Set<string>() };
  const signals = new Set<AbortSignal>();
  const pending: ((result: ProbeResult) => void)[] = [];
  const prober = new Prober(
    { ...OPTIONS, ...options },
    {
      now: () => now,
      random: () => 0.5,
      after: (ms, run) => {
        const id = (nextTimer += 1);
        timers.set(id, { at: now + ms, run });
        return () => void timers.delete(id);
      },
      probe: async ({ id }, signal) => {
        signals.add(signal);
        checks.push({ id, at: now });
        state.inFlight += 1;
        state.most = Math.max(state.most, state.inFlight);
        const answer = state.failing.has(id) ? ill : state.answer;
        const result = answer ?? (await new Promise<ProbeResult>((resolve) => pending.push(resolve)));
        state.inFlight -= 1;
        return result;
      },
      onVerdict: ({ id }, verdict) =>
        void verdicts.push(`${id} ${verdict.healthy}${verdict.healthy || verdict.isProven ? '' : '?'}`),
    },
  );
  const pass = async (ms: number) => {
    const end = now + ms;
    for (;;) {
      const due = [...timers].filter(([, timer]) => timer.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      timers.delete(due[0]);
      now = Math.max(now, due[1].at);
      due[1].run();
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    }
    now = end;
  };
  const add = (...ids: readonly string[]) => ids.forEach((id) => void prober.add({ id, address: '10.0.0.1', port: 80 }));
  return { prober, state, verdicts, checks, pass, add, pending, signals, timers };
}

describe('the prober', () => {
  test('speaks when a threshold is crossed, not at every result', async () => {
    const { add, pass, state, verdicts } = setUp();
    add('a');
    await pass(5_000);
    expect(verdicts).toEqual([]);
    await pass(10_000);
    expect(verdicts).toEqual(['a true']);
    state.answer = ill;
    await pass(20_000);
    expect(verdicts).toEqual(['a true']);
    await pass(10_000);
    expect(verdicts).toEqual(['a true', 'a false']);
    await pass(60_000);
    expect(verdicts).toHaveLength(2);
  });

  test('a single failure between successes is none', async () => {
    const { add, pass, state, verdicts } = setUp();
    add('a');
    await pass(15_000);
    for (let n = 0; n < 5; n += 1) {
      state.answer = n % 2 === 0 ? ill : well;
      await pass(10_000);
    }
    expect(verdicts).toEqual(['a true']);
  });

  test('doubts what fails while nothing succeeds: it is rather cut off itself, and takes nobody out on the way there', async () => {
    const { add, pass, state, verdicts } = setUp();
    add('a', 'b', 'c');
    await pass(20_000);
    verdicts.length = 0;
    state.failing = new Set(['a', 'b', 'c']);
    await pass(60_000);
    expect(verdicts).toEqual(['a false?', 'b false?', 'c false?']);
    state.failing = new Set(['a', 'b']);
    await pass(30_000);
    expect(verdicts.slice(3).sort()).toEqual(['a false', 'b false', 'c true']);
    state.failing = new Set(['a', 'b', 'c']);
    await pass(60_000);
    expect(verdicts.slice(6)).toEqual(['c false?']);
  });

  test('a target that failed before it began has to succeed as often as any other', async () => {
    const { prober, pass, verdicts } = setUp();
    prober.add({ id: 'a', address: '10.0.0.1', port: 80 }, true);
    await pass(5_000);
    expect(verdicts).toEqual([]);
    await pass(10_000);
    expect(verdicts).toEqual(['a true']);
  });

  test('never makes more checks a second, or at a time, than it may', async () => {
    const { add, pass, checks, state } = setUp({ perSecond: 10, concurrency: 3 });
    add(...Array.from({ length: 50 }, (_, n) => `t${n}`));
    await pass(5_000 + 2_000);
    expect(checks.length).toBeGreaterThan(15);
    expect(checks.length).toBeLessThanOrEqual(21);
    state.answer = undefined;
    await pass(1_000);
    expect(state.most).toBe(3);
  });

  test('what is removed is not checked again, and a check that was under way says nothing any more', async () => {
    const { add, pass, prober, state, pending, verdicts, checks } = setUp({ healthy: 1 });
    state.answer = undefined;
    add('a');
    await pass(5_000);
    prober.remove('a');
    pending.forEach((resolve) => resolve(well));
    await pass(60_000);
    expect(verdicts).toEqual([]);
    expect(checks).toHaveLength(1);
    expect(prober.size).toBe(0);
  });

  test('keeps nothing of the checks that it has made, and of a target that is removed no timer', async () => {
    const { add, pass, prober, signals, timers } = setUp();
    add('a');
    await pass(1_000_000);
    const kept = [...signals].flatMap((signal) => getEventListeners(signal, 'abort'));
    expect([prober.count, signals.size, kept.length, timers.size]).toEqual([100, 1, 0, 1]);
    prober.remove('a');
    expect(timers.size).toBe(0);
  });
});

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import CircuitBreaker from 'opossum';
import { withBreaker } from './own-breaker.ts';
import type { BreakerClass } from './own-breaker.ts';
import { HOST, Storm } from './testing/storm.ts';

let storm: Storm;
beforeEach(async () => (storm = await Storm.start()));
afterEach(() => storm.stop());

const ask = async (id: string): Promise<string> => {
  const { statusCode = 0, text } = await storm.get(id);
  if (statusCode >= 500) throw new Error(`status ${statusCode}`);
  return text;
};
const calling = () =>
  withBreaker(CircuitBreaker as unknown as BreakerClass, ask, {
    target: HOST,
    breaker: { errorThresholdPercentage: 50, volumeThreshold: 3, resetTimeout: 60_000 },
    fallback: (id, error) => `fallback of ${id}: ${(error as Error & { code?: string }).code ?? error.message}`,
  });
const five = async (call: (id: string) => Promise<unknown>): Promise<readonly unknown[]> => {
  const answers: unknown[] = [];
  for (let at = 0; at < 5; at += 1) answers.push(await call(String(at)).catch((error: Error) => error.message));
  return answers;
};

test('a call of a target without a plan has no breaker', async () => {
  storm.behaviour = () => 500;
  expect(await five(calling())).toEqual(Array.from({ length: 5 }, () => 'status 500'));
  expect(storm.attempts.size).toBe(5);
});

test('a service without a breaker of its own gets one of opossum while the process breaks circuits', async () => {
  for (const rung of ['sdk', 'shadow', 'discovery', 'traffic'] as const) {
    storm.attempts.clear();
    storm.plan({ rung });
    storm.behaviour = () => 500;
    expect((await five(calling())).slice(3)).toEqual(['fallback of 3: EOPENBREAKER', 'fallback of 4: EOPENBREAKER']);
    expect(storm.attempts.size).toBe(3);
  }
});

test('it observes where the sidecar breaks them, and is warm on the way back', async () => {
  storm.plan({ rung: 'resilience' });
  storm.meshRetries = 0;
  storm.behaviour = () => 500;
  const call = calling();
  expect((await five(call)).at(-1)).toBe('fallback of 4: status 500');
  storm.plan({ rung: 'sdk' });
  expect(await call('back')).toBe('fallback of back: EOPENBREAKER');
});

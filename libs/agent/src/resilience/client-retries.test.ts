import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import axios from 'axios';
import axiosRetry from 'axios-retry';
import axiosRetry3 from 'axios-retry-3';
import undici6 from 'undici-6';
import undici7 from 'undici-7';
import undici8 from 'undici';
import { dispatchBy } from '../undici/dispatch-mover.ts';
import type { Dispatch } from '../undici/dispatch.ts';
import { wrapAxios } from './axios-retry.ts';
import { resilienceParts } from './resilience-parts.ts';
import { Storm, thirtyPercent } from './testing/storm.ts';
import { ownedRetry, wrapRetryAgent } from './undici-retry.ts';

let storm: Storm;
beforeEach(async () => (storm = await Storm.start()));
afterEach(() => storm.stop());

const RUNGS = [['sdk', 100], ['traffic', 50], ['traffic', 100], ['resilience', 30], ['resilience', 100], ['retired', 100]] as const; // prettier-ignore
const MOST_IN_PROCESS = 5;

/** `ask` tries 1 + 4 times in the process; the sidecar 1 + 2 times. */
async function staysWithinBudget(ask: (id: string) => Promise<unknown>): Promise<void> {
  storm.behaviour = thirtyPercent;
  for (const [rung, percent] of RUNGS) {
    storm.attempts.clear();
    storm.ways.clear();
    storm.plan({ rung, percent });
    for (let at = 0; at < 30; at += 1) await ask(String(at));
    const isMesh = (rung === 'resilience' && percent === 100) || rung === 'retired';
    expect(storm.mostAttempts).toBeGreaterThan(1);
    expect(storm.mostAttempts).toBeLessThanOrEqual(isMesh ? 3 : MOST_IN_PROCESS);
    expect([...storm.ways.values()].every((ways) => ways.size === 1)).toBe(true);
  }
}

describe.each([
  ['3', axiosRetry3 as unknown as typeof axiosRetry],
  ['4', axiosRetry],
] as const)('axios-retry %s', (_version, install) => {
  const clientOf = (before: boolean) => {
    const client = axios.create({ timeout: 3_000 });
    const retry = { retries: MOST_IN_PROCESS - 1, retryDelay: () => 0 };
    if (before) wrapAxios(client, { retry });
    install(client, retry);
    return wrapAxios(client, { retry });
  };
  const asking = (client: ReturnType<typeof clientOf>) => (id: string) =>
    client.get(storm.url, { headers: { 'x-call': id } }).catch((error: unknown) => error);

  test('makes no more attempts than the one who owns them, whichever was installed first', async () => {
    await staysWithinBudget(asking(clientOf(false)));
    await staysWithinBudget(asking(clientOf(true)));
  });

  test('leaves the mesh a margin, of the plan’s or its own deadline', async () => {
    storm.plan({ rung: 'resilience', timeoutMs: 700 });
    const answer = async (option: object) =>
      (await wrapAxios(axios.create({ timeout: 100 }), option).get<string>(storm.url)).config.timeout;
    expect(await answer({ marginMs: 50 })).toBe(750);
    storm.plan({ rung: 'resilience' });
    expect(await answer({})).toBe(350);
    storm.plan({ rung: 'traffic' });
    expect(await answer({})).toBe(100);
  });

  test('is told of with the deadline of the instance, for the host that its calls go to', () => {
    const baseURL = `http://told-${_version}.mesh`;
    wrapAxios(axios.create({ baseURL, timeout: 700 }), { retry: { retries: 2 } });
    wrapAxios(axios.create({ baseURL }));
    const told = resilienceParts().filter(({ target }) => target === baseURL);
    expect(told.map((part) => part.policies().map(({ library, policy, options }) => [library, policy, options]))).toEqual([
      [
        ['axios-retry', 'retry', { retries: 2 }],
        ['axios', 'timeout', { timeout: 700 }],
      ],
      [['axios-retry', 'retry', { retries: 3 }]],
    ]);
  });

  test('sends each attempt the way of its first although the plan changes in between', async () => {
    storm.plan({ rung: 'sdk' });
    storm.behaviour = (nth) => {
      if (nth === 0) storm.plan({ rung: 'resilience' });
      return nth < 2 ? 500 : 200;
    };
    await asking(clientOf(false))('a');
    expect([...(storm.ways.get('a') ?? [])]).toEqual(['sdk']);
    expect(storm.attempts.get('a')).toBe(3);
  });

  test('leaves what no plan names alone', async () => {
    storm.behaviour = () => 500;
    await asking(clientOf(false))('a');
    expect(storm.attempts.get('a')).toBe(MOST_IN_PROCESS);
  });
});

describe.each([
  ['6', undici6],
  ['7', undici7 as unknown as typeof undici6],
  ['8', undici8 as unknown as typeof undici6],
] as const)('undici %s', (_version, undici) => {
  const options = { maxRetries: MOST_IN_PROCESS - 1, minTimeout: 1, maxTimeout: 1 };
  /** As `/undici` wraps a dispatcher of the application's. */
  const moved = (agent: InstanceType<typeof undici6.Agent>) =>
    agent.compose(
      ((dispatch: Dispatch) => (request: never, handler: never) => dispatchBy(storm.seam, dispatch, request, handler)) as never,
    );
  let agent: InstanceType<typeof undici6.Agent>;
  beforeEach(() => void (agent = new undici.Agent()));
  afterEach(() => agent.destroy());
  const asking = (dispatcher: InstanceType<typeof undici6.Dispatcher>) => async (id: string) => {
    const answer = await undici
      .request(storm.url, { dispatcher, headers: { 'x-call': id } })
      .catch((error: Error & { code?: string }) => error);
    if (answer instanceof Error) return answer;
    await answer.body.dump();
    return answer.statusCode;
  };

  test('RetryAgent makes no more attempts than the one who owns them, and keeps its error', async () => {
    const RetryAgent = wrapRetryAgent(undici.RetryAgent as never) as unknown as typeof undici.RetryAgent;
    const ask = asking(new RetryAgent(moved(agent) as never, options));
    await staysWithinBudget(ask);
    storm.behaviour = () => 500;
    storm.attempts.clear();
    expect(await ask('last')).toMatchObject({ code: 'UND_ERR_REQ_RETRY', statusCode: 500 });
    expect(storm.attempts.get('last')).toBe(3);
  });

  test('interceptors.retry with an owner does not either', async () => {
    const dispatcher = moved(agent).compose(ownedRetry(undici.interceptors.retry as never, options) as never);
    await staysWithinBudget(asking(dispatcher));
  });
});

import { afterEach, beforeEach } from '@jest/globals';
import * as cockatiel3 from 'cockatiel-3';
import * as cockatiel4 from 'cockatiel-4';
import { wrapPolicy } from '../cockatiel.ts';
import { HOST, Storm } from './storm.ts';

export const COCKATIELS = [
  ['3', cockatiel3],
  ['4', cockatiel4 as unknown as typeof cockatiel3],
] as const;

type Cockatiel = typeof cockatiel3;
type Breaker = ReturnType<Cockatiel['circuitBreaker']>;
type Options = Parameters<Cockatiel['circuitBreaker']>[1];

export interface BreakerSetting {
  readonly halfOpenAfter?: Options['halfOpenAfter'];
  readonly breaker?: Options['breaker'];
  /** cockatiel 4 only. */
  readonly halfOpenSampling?: { readonly calls: number; readonly threshold: number };
  /** Of the application around each call, ms. */
  readonly timeoutMs?: number;
  readonly errors?: Parameters<Cockatiel['circuitBreaker']>[0];
}

/** A breaker of cockatiel within which an application gives each call its time. */
export interface TimedBreaker {
  readonly breaker: Breaker;
  /** What it says, in order. */
  readonly events: string[];
  timeoutMs: number;
}

/** The breakers of one test, of an application that calls what the storm has. */
export class PoliciesInStorm {
  readonly #cockatiel: Cockatiel;
  #storm: Storm | undefined;

  /** To be made within a `describe`: each test has a storm of its own. */
  constructor(cockatiel: Cockatiel) {
    this.#cockatiel = cockatiel;
    beforeEach(async () => void (this.#storm = await Storm.start()));
    afterEach(async () => this.#storm?.stop());
  }

  get storm(): Storm {
    return this.#storm as Storm;
  }

  breakerOf(setting: BreakerSetting = {}): TimedBreaker {
    const { circuitBreaker, handleAll, ConsecutiveBreaker } = this.#cockatiel;
    const { timeoutMs = 60_000, halfOpenAfter = 3_600_000, errors = handleAll, ...others } = setting;
    const breaker = circuitBreaker(errors, { breaker: new ConsecutiveBreaker(3), halfOpenAfter, ...others });
    const events: string[] = [];
    breaker.onBreak(() => events.push('break'));
    breaker.onReset(() => events.push('reset'));
    return { breaker: wrapPolicy(breaker, { target: HOST }), events, timeoutMs };
  }

  /** @returns what was answered, or the error's class or message */
  run({ breaker, timeoutMs }: TimedBreaker, id = 'a'): Promise<unknown> {
    const timed = this.#cockatiel.timeout(timeoutMs, this.#cockatiel.TimeoutStrategy.Aggressive);
    return breaker
      .execute(() => timed.execute(() => this.#ask(id)))
      .catch((error: Error) => (error.constructor.name === 'Error' ? error.message : error.constructor.name));
  }

  async runAll(timed: TimedBreaker, count: number): Promise<readonly unknown[]> {
    const answers: unknown[] = [];
    for (let at = 0; at < count; at += 1) answers.push(await this.run(timed, String(at)));
    return answers;
  }

  async #ask(id: string): Promise<string> {
    const { statusCode = 0, text, headers } = await this.storm.get(id);
    if (statusCode < 400) return text;
    throw Object.assign(new Error(`status ${statusCode}`), { response: { status: statusCode, headers } });
  }
}

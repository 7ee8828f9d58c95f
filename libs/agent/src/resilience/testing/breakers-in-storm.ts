import { afterEach, beforeEach } from '@jest/globals';
import Opossum8 from 'opossum';
import Opossum9 from 'opossum-9';
import Opossum10 from 'opossum-10';
import { wrapBreaker } from '../opossum.ts';
import { HOST, Storm } from './storm.ts';

export const VERSIONS = [
  ['8.5', Opossum8],
  ['9', Opossum9],
  ['10', Opossum10],
] as const;

export const OPTIONS = { errorThresholdPercentage: 50, volumeThreshold: 4, resetTimeout: 60_000, timeout: 2_000 };

type Breaker = InstanceType<typeof Opossum8>;

/** What an application has: an answer of 5xx is an error, of 404 too, but no reason to open. */
class Status extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

/** The breakers of one test, of an application that calls what the storm has; each with a fallback that says why it was asked. */
export class BreakersInStorm {
  readonly made: Breaker[] = [];
  readonly #CircuitBreaker: typeof Opossum8;
  #storm: Storm | undefined;

  /** To be made within a `describe`: each test has a storm of its own. */
  constructor(CircuitBreaker: (typeof VERSIONS)[number][1]) {
    this.#CircuitBreaker = CircuitBreaker;
    beforeEach(async () => void (this.#storm = await Storm.start()));
    afterEach(async () => {
      for (const breaker of this.made.splice(0)) breaker.shutdown();
      await this.#storm?.stop();
    });
  }

  get storm(): Storm {
    return this.#storm as Storm;
  }

  breakerOf(options: object = {}, wrapping: object = {}): Breaker {
    const call = async (id: string): Promise<string> => {
      const { statusCode = 0, text, headers } = await this.storm.get(id);
      if (statusCode >= 400) throw Object.assign(new Status(statusCode), { response: { status: statusCode, headers } });
      return text;
    };
    const isHarmless = (error: Error): boolean => error instanceof Status && error.status === 404;
    const breaker = new this.#CircuitBreaker(call, { ...OPTIONS, errorFilter: isHarmless, name: 'orders', ...options });
    this.made.push(breaker);
    breaker.fallback((id: string, error: Error & { code?: string }) => `fallback of ${id}: ${error.code ?? error.message}`);
    return wrapBreaker(breaker, { target: HOST, ...wrapping });
  }

  fire(breaker: Breaker, id = 'a'): Promise<unknown> {
    return breaker.fire(id).catch((error: Error) => error.message);
  }

  async fireAll(breaker: Breaker, count: number): Promise<readonly unknown[]> {
    const answers: unknown[] = [];
    for (let at = 0; at < count; at += 1) answers.push(await this.fire(breaker, String(at)));
    return answers;
  }
}

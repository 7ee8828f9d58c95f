import { FieldReader } from '../field-reader.ts';
import { TO } from '../mesh-policy.ts';
import type { Lifted } from '../mesh-policy.ts';

export const UNSEEN_ERRORS = 'for 5xx, resets and failed connections: which errors the code repeats cannot be read';
const CONNECTION = ['reset', 'connect-failure', 'refused-stream'];

/** Of RetryAgent and `interceptors.retry` (undici), with their defaults. */
export function fromUndici(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  const attempts = read.number('maxRetries', 5) ?? 5;
  read.say('maxRetries', 'exact', 'beside the first attempt', TO.attempts);
  const codes = texts(read.raw('statusCodes')) ?? ['500', '502', '503', '504', '429'];
  const methods = texts(read.raw('methods')) ?? ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'];
  read.say('statusCodes', 'exact', 'each by its number', TO.retryOn);
  read.say('methods', 'exact', 'calls of other methods have a route without retries', TO.methods);
  read.sayOf('errorCodes', 'approximate', 'every reset and failed connection', TO.retryOn);
  const backoff = read.number('minTimeout', 500) ?? 500;
  read.say('minTimeout', 'approximate', 'Envoy waits a random part of it, doubled up to ten times', TO.backoff);
  read.sayOf('maxTimeout', 'lossy', 'Envoy’s longest wait is ten times its first');
  read.sayOf('timeoutFactor', 'lossy', 'Envoy doubles');
  if (read.raw('retryAfter') !== false) read.sayOf('retryAfter', 'lossy', 'Envoy does not wait for what an answer asks');
  read.sayOf('throwOnError', 'exact', 'it stays in the process');
  read.sayOf('retry', 'blocked', 'it is code');
  const retries = { attempts, retryOn: [...CONNECTION, ...codes], methods, ...(backoff < 1 ? {} : { backoff }) };
  return { mesh: { retries }, fields: read.finish() };
}

/** Of `axiosRetry(instance, options)`, with its defaults. */
export function fromAxiosRetry(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  read.ignore('onRetry', 'onMaxRetryTimesExceeded', 'shouldResetTimeout');
  const attempts = read.number('retries', 3) ?? 3;
  read.say('retries', 'exact', 'beside the first attempt', TO.attempts);
  read.sayOf(
    'retryCondition',
    'blocked',
    'it is code: the default is taken, idempotent requests that failed or were answered 5xx or 429',
  );
  read.sayOf('retryDelay', 'lossy', 'it is code: Envoy’s own is a random part of 25 ms, doubled up to ten times that');
  read.sayOf('validateResponse', 'blocked', 'it is code');
  const methods = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];
  return { mesh: { retries: { attempts, retryOn: [...CONNECTION, '5xx', '429'], methods } }, fields: read.finish() };
}

/** Of an instance: its calls may say otherwise. */
export function fromAxios(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  const timeout = read.number('timeout');
  if (timeout === undefined) return { mesh: {}, fields: read.finish() };
  read.say('timeout', 'approximate', 'of the whole call, and of no call that says another; the process keeps its own, later by a margin', TO.timeout); // prettier-ignore
  return { mesh: { timeout }, fields: read.finish() };
}

function texts(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.map(String) : undefined;
}

import { parseDuration } from '@isthmus/model';
import { FieldReader, NO_HALF_OPEN, PER_HOST, SWEPT } from '../field-reader.ts';
import { TO } from '../mesh-policy.ts';
import type { Lifted, MeshPolicy } from '../mesh-policy.ts';
import { UNSEEN_ERRORS } from './client-retries.ts';

/** One instance of `resilience4j.circuitbreaker`, its options in camel case, with what its base and `default` say. */
export function fromCircuitBreaker(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  read.ignore('registerHealthIndicator', 'eventConsumerBufferSize', 'baseConfig', 'writableStackTraceEnabled');
  read.ignore('automaticTransitionFromOpenToHalfOpenEnabled', 'allowHealthIndicatorToFail');
  const percent = read.number('failureRateThreshold', 50) ?? 50;
  const requests = read.number('minimumNumberOfCalls', 100) ?? 100;
  const isTime = /^time/i.test(String(read.raw('slidingWindowType') ?? 'COUNT_BASED'));
  const size = read.number('slidingWindowSize', 100) ?? 100;
  const wait = duration(read, 'waitDurationInOpenState', 60_000);
  read.say('failureRateThreshold', 'approximate', `${PER_HOST}; istiod does not read this annotation`, TO.percentage);
  read.say('minimumNumberOfCalls', 'approximate', PER_HOST, TO.requests);
  read.say('waitDurationInOpenState', 'approximate', NO_HALF_OPEN, TO.ejection);
  if (isTime) read.say('slidingWindowSize', 'approximate', SWEPT, TO.interval);
  else read.say('slidingWindowSize', 'lossy', 'Envoy has windows of time, not of calls: 10s are taken', TO.interval);
  read.sayOf('permittedNumberOfCallsInHalfOpenState', 'lossy', 'Envoy has no half-open state');
  read.sayOf('maxWaitDurationInHalfOpenState', 'lossy', 'Envoy has no half-open state');
  for (const field of ['slowCallRateThreshold', 'slowCallDurationThreshold'])
    read.sayOf(field, 'blocked', 'slow calls: Envoy ejects for errors only. A timeout turns slow calls into errors');
  for (const field of ['recordExceptions', 'ignoreExceptions', 'recordFailurePredicate', 'ignoreExceptionPredicate'])
    read.sayOf(field, 'blocked', 'it is code: Envoy counts 5xx answers and failed connections');
  return {
    mesh: {
      ejection: {
        consecutive5xx: 0,
        failurePercentage: Math.min(100, Math.max(1, Math.ceil(percent))),
        requests,
        interval: isTime ? size * 1000 : 10_000,
        baseEjectionTime: wait,
      },
    },
    fields: read.finish(),
  };
}

/** One instance of `resilience4j.retry`. */
export function fromRetry(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  read.ignore('registerHealthIndicator', 'eventConsumerBufferSize', 'baseConfig', 'failAfterMaxAttempts');
  const all = read.number('maxAttempts', 3) ?? 3;
  const wait = duration(read, 'waitDuration', 500);
  read.say('maxAttempts', 'approximate', `${Math.max(0, all - 1)} beside the first; ${UNSEEN_ERRORS}`, TO.attempts);
  read.say('waitDuration', 'approximate', 'Envoy waits a random part of it, doubled up to ten times', TO.backoff);
  if (read.raw('enableExponentialBackoff') === true) read.say('enableExponentialBackoff', 'exact', 'Envoy’s always grows');
  read.sayOf('exponentialBackoffMultiplier', 'lossy', 'Envoy doubles');
  read.sayOf('enableRandomizedWait', 'exact', 'Envoy’s is always random');
  read.sayOf('randomizedWaitFactor', 'lossy', 'Envoy’s is all of it');
  read.ignore('enableExponentialBackoff');
  for (const field of ['retryExceptions', 'ignoreExceptions', 'retryExceptionPredicate', 'resultPredicate'])
    read.sayOf(field, 'blocked', 'it is code');
  const retryOn = ['5xx', 'reset', 'connect-failure', 'refused-stream'];
  const retries = { attempts: Math.max(0, all - 1), retryOn, ...(wait < 1 ? {} : { backoff: wait }) };
  return { mesh: { retries }, fields: read.finish() };
}

/** One instance of `resilience4j.timelimiter`. */
export function fromTimeLimiter(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  read.ignore('baseConfig', 'eventConsumerBufferSize');
  const timeout = duration(read, 'timeoutDuration', 1_000);
  read.say('timeoutDuration', 'exact', 'the process keeps its own, later by a margin', TO.timeout);
  read.sayOf('cancelRunningFuture', 'exact', 'the mesh always cancels');
  return { mesh: { timeout }, fields: read.finish() };
}

/** One instance of `resilience4j.bulkhead`. */
export function fromBulkhead(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  read.ignore('baseConfig', 'eventConsumerBufferSize', 'writableStackTraceEnabled');
  const calls = read.number('maxConcurrentCalls', 25) ?? 25;
  read.say('maxConcurrentCalls', 'approximate', 'of the sidecar for all its callers', TO.maxRequests);
  if (duration(read, 'maxWaitDuration', 0) > 0) read.say('maxWaitDuration', 'lossy', 'Envoy refuses at once');
  const mesh: MeshPolicy = { maxRequests: calls, maxPending: calls };
  return { mesh, fields: read.finish() };
}

/** `resilience4j.ratelimiter` and `thread-pool-bulkhead`: nothing of theirs has a place. */
export function fromRateLimiter(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  for (const field of Object.keys(options)) read.say(field, 'blocked', 'a rate or a pool of threads: keep it in the process');
  return { mesh: {}, fields: read.finish() };
}

/** `500ms`, `10s`, ISO 8601 `PT0.5S`, or a number of ms. */
function duration(read: FieldReader, field: string, fallback: number): number {
  const value = read.raw(field);
  if (value === undefined) return fallback;
  const text = String(value);
  const [, minutes = '0', seconds = '0'] = /^PT(?:(\d+)M)?(?:([\d.]+)S)?$/i.exec(text) ?? [];
  const ms = /^\d+$/.test(text)
    ? Number(text)
    : /^PT/i.test(text)
      ? Number(minutes) * 60_000 + Number(seconds) * 1_000
      : parseDuration(text);
  if (ms !== undefined && Number.isFinite(ms)) return ms;
  read.say(field, 'blocked', 'it is no duration such as 500ms, 10s or PT1S');
  return fallback;
}

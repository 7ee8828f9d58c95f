import { FieldReader, NO_HALF_OPEN, PER_HOST, SWEPT } from '../field-reader.ts';
import { TO } from '../mesh-policy.ts';
import type { Lifted, MeshPolicy } from '../mesh-policy.ts';

const TIMEOUT = 'execution.isolation.thread.timeoutInMilliseconds';
const CALLS = 'execution.isolation.semaphore.maxConcurrentRequests';

/** Properties of one command without `hystrix.command.KEY.`, those of its thread pool with `threadpool.`; defaults are Hystrix's. */
export function fromHystrix(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  read.ignore('execution.isolation.strategy', 'metrics.rollingStats.numBuckets', 'metrics.healthSnapshot.intervalInMilliseconds');
  read.ignore('execution.isolation.thread.interruptOnTimeout', 'execution.isolation.thread.interruptOnCancel');
  const mesh: MeshPolicy = { ...timeout(read), ...breaker(read), ...limits(read) };
  for (const field of Object.keys(options).filter((name) => /^(fallback|requestCache|requestLog)\./.test(name)))
    read.say(field, 'exact', 'it stays in the process');
  return { mesh, fields: read.finish() };
}

function timeout(read: FieldReader): MeshPolicy {
  if (String(read.raw('execution.timeout.enabled')) === 'false') {
    read.say('execution.timeout.enabled', 'exact', 'there is none', TO.timeout);
    read.ignore(TIMEOUT);
    return { timeout: 0 };
  }
  const ms = read.number(TIMEOUT, 1_000);
  if (ms === undefined) return {};
  read.say(TIMEOUT, 'exact', 'the mesh cancels the call', TO.timeout);
  return { timeout: ms };
}

function breaker(read: FieldReader): MeshPolicy {
  const off = ['circuitBreaker.enabled', 'circuitBreaker.forceClosed'] as const;
  const isOff = String(read.raw(off[0])) === 'false' || String(read.raw(off[1])) === 'true';
  if (String(read.raw('circuitBreaker.forceOpen')) === 'true')
    read.say('circuitBreaker.forceOpen', 'blocked', 'every call is refused: say so by a route with a fault, on purpose');
  if (isOff) {
    for (const field of off) read.sayOf(field, 'exact', 'it never opens');
    read.ignore('circuitBreaker.requestVolumeThreshold', 'circuitBreaker.errorThresholdPercentage');
    read.ignore('circuitBreaker.sleepWindowInMilliseconds', 'metrics.rollingStats.timeInMilliseconds');
    return {};
  }
  const percent = read.number('circuitBreaker.errorThresholdPercentage', 50);
  const volume = read.number('circuitBreaker.requestVolumeThreshold', 20);
  const sleep = read.number('circuitBreaker.sleepWindowInMilliseconds', 5_000);
  const window = read.number('metrics.rollingStats.timeInMilliseconds', 10_000);
  if (percent === undefined || volume === undefined || sleep === undefined || window === undefined) return {};
  read.say(
    'circuitBreaker.errorThresholdPercentage',
    'approximate',
    `${PER_HOST}; istiod does not read this annotation`,
    TO.percentage,
  );
  read.say('circuitBreaker.requestVolumeThreshold', 'approximate', PER_HOST, TO.requests);
  read.say('circuitBreaker.sleepWindowInMilliseconds', 'approximate', NO_HALF_OPEN, TO.ejection);
  read.say('metrics.rollingStats.timeInMilliseconds', 'approximate', SWEPT, TO.interval);
  const failurePercentage = Math.min(100, Math.max(1, Math.ceil(percent)));
  return { ejection: { consecutive5xx: 0, failurePercentage, requests: volume, interval: window, baseEjectionTime: sleep } };
}

function limits(read: FieldReader): MeshPolicy {
  const threads = read.number('threadpool.coreSize');
  const calls = read.number(CALLS) ?? threads;
  const queue = read.number('threadpool.maxQueueSize');
  const how = 'of the sidecar for all its callers';
  read.sayOf(CALLS, 'approximate', how, TO.maxRequests);
  read.sayOf('threadpool.coreSize', 'approximate', how, TO.maxRequests);
  read.sayOf('threadpool.maxQueueSize', 'approximate', 'calls that wait for a connection, not for a thread', TO.maxPending);
  return {
    ...(calls === undefined ? {} : { maxRequests: calls, maxPending: Math.max(1, queue ?? 1) }),
  };
}

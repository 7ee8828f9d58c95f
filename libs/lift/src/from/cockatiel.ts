import { FieldReader, NO_HALF_OPEN, PER_HOST, SWEPT, aboveShare } from '../field-reader.ts';
import { TO } from '../mesh-policy.ts';
import type { Lifted, MeshPolicy } from '../mesh-policy.ts';
import { UNSEEN_ERRORS } from './client-retries.ts';

/** Options of one cockatiel policy as the agent reports it, or as its constructor takes them. */
export function fromCockatiel(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  read.ignore('breaker', 'strategy', 'abortOnReturn', 'unref');
  const mesh: MeshPolicy = { ...breaker(read), ...retry(read), ...timeout(read), ...bulkhead(read) };
  read.sayOf('errorFilter', 'blocked', 'it is code: Envoy counts 5xx answers and failed connections, whatever it leaves alone');
  read.sayOf('resultFilter', 'blocked', 'it is code: Envoy sees answers, and not what the process makes of them');
  return { mesh, fields: read.finish() };
}

function breaker(read: FieldReader): MeshPolicy {
  const threshold = read.number('threshold');
  const duration = read.number('duration');
  if (threshold === undefined) return {};
  const base = ejectionTime(read);
  if (threshold >= 1) {
    read.say('threshold', 'approximate', `${PER_HOST}; answers below 500 that the policy handles do not count`, TO.consecutive);
    return { ejection: { consecutive5xx: threshold, ...base } };
  }
  const share = aboveShare(threshold * 100);
  read.say('threshold', 'approximate', `at ${share} % of errors and above, ${PER_HOST}; istiod does not read this annotation`, TO.percentage); // prettier-ignore
  if (duration !== undefined) read.say('duration', 'approximate', SWEPT, TO.interval);
  const least = read.number('minimumRps');
  const calls = read.number('minimumNumberOfCalls');
  const requests = calls ?? (least === undefined || duration === undefined ? 5 : Math.ceil((least * duration) / 1000));
  read.sayOf('minimumRps', 'approximate', `${requests} requests an interval, ${PER_HOST}`, TO.requests);
  read.sayOf('minimumNumberOfCalls', 'approximate', `within an interval of 10s, ${PER_HOST}`, TO.requests);
  read.sayOf('size', 'lossy', 'Envoy has windows of time, not of calls');
  return {
    ejection: {
      consecutive5xx: 0,
      failurePercentage: share,
      requests: Math.max(1, requests),
      interval: duration ?? 10_000,
      ...base,
    },
  };
}

function ejectionTime(read: FieldReader): { readonly baseEjectionTime?: number } {
  if (read.raw('halfOpenAfter') === '[function]') {
    read.say('halfOpenAfter', 'lossy', 'a backoff that grows in its own way; Envoy’s is the number of ejections times the base');
    return {};
  }
  const after = read.number('halfOpenAfter');
  if (after === undefined) return {};
  read.say('halfOpenAfter', 'approximate', NO_HALF_OPEN, TO.ejection);
  return { baseEjectionTime: after };
}

function retry(read: FieldReader): MeshPolicy {
  if (!read.has('maxAttempts')) return {};
  if (read.raw('maxAttempts') === 'Infinity') {
    read.say('maxAttempts', 'blocked', 'the mesh has to end somewhere: give it a number');
    read.ignore('backoff');
    return {};
  }
  const attempts = read.number('maxAttempts');
  if (attempts === undefined) return {};
  read.say('maxAttempts', 'approximate', UNSEEN_ERRORS, TO.attempts);
  // As the agent tells of one that it was not given.
  const waits = read.raw('backoff') === 0 ? 'approximate' : 'lossy';
  read.sayOf('backoff', waits, 'Envoy’s own: a random part of 25 ms, doubled up to ten times that');
  return { retries: { attempts, retryOn: ['5xx', 'reset', 'connect-failure', 'refused-stream'] } };
}

function timeout(read: FieldReader): MeshPolicy {
  if (read.has('threshold') || !read.has('duration')) return {};
  const ms = read.number('duration');
  if (ms === undefined) return {};
  read.say('duration', 'exact', 'the process keeps its own, later by a margin', TO.timeout);
  return { timeout: ms };
}

function bulkhead(read: FieldReader): MeshPolicy {
  const capacity = read.number('capacity');
  if (capacity === undefined) return {};
  const queue = read.number('queueCapacity', 0) as number;
  read.say('capacity', 'approximate', 'of the sidecar for all its callers', TO.maxRequests);
  read.sayOf('queueCapacity', 'approximate', 'calls that wait for a connection, not for a slot', TO.maxPending);
  return { maxRequests: capacity, maxPending: Math.max(1, queue) };
}

import { FieldReader, NO_HALF_OPEN, PER_HOST, SWEPT, aboveShare } from '../field-reader.ts';
import { TO } from '../mesh-policy.ts';
import type { Lifted, MeshPolicy } from '../mesh-policy.ts';

/** Options of opossum 8 to 10, with its defaults for what is left out (`lib/circuit.js`). */
export function fromOpossum(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  read.ignore('name', 'group', 'rollingPercentilesEnabled', 'enableSnapshots', 'rotateBucketController', 'state', 'status');
  read.ignore('abortController', 'autoRenewAbortController', 'maxFailures', 'cacheTransport', 'coalesceCache');
  if (read.raw('enabled') === false) {
    read.say('enabled', 'exact', 'it is switched off: nothing of it is in force');
    read.ignore(...Object.keys(options));
    return { mesh: {}, fields: read.finish() };
  }
  read.ignore('enabled');
  const mesh: MeshPolicy = { ...timeout(read), ...breaker(read), ...capacity(read) };
  read.sayOf(
    'errorFilter',
    'blocked',
    'it is code: Envoy counts 5xx answers and failed connections, whatever the filter leaves out',
  );
  if (read.raw('allowWarmUp') === true) read.say('allowWarmUp', 'lossy', 'Envoy judges from the first interval on');
  const kept = ['cache', 'coalesce'].filter((field) => read.raw(field) === true);
  for (const field of kept) read.say(field, 'exact', 'it stays in the process');
  read.ignore('cacheTTL', 'cacheSize', 'cacheGetKey', 'coalesceTTL', 'coalesceSize', 'coalesceResetOn');
  return { mesh, fields: read.finish() };
}

function timeout(read: FieldReader): MeshPolicy {
  if (read.raw('timeout') === false) {
    read.say('timeout', 'exact', 'there is none', TO.timeout);
    return { timeout: 0 };
  }
  const ms = read.number('timeout', 10_000);
  if (ms === undefined) return {};
  read.say(
    'timeout',
    'exact',
    'the mesh cancels what opossum leaves running; the process keeps its own, later by a margin',
    TO.timeout,
  );
  return { timeout: ms };
}

function breaker(read: FieldReader): MeshPolicy {
  const percent = read.number('errorThresholdPercentage', 50);
  const volume = read.number('volumeThreshold', 0);
  const window = read.number('rollingCountTimeout', 10_000);
  const reset = read.number('resetTimeout', 30_000);
  read.ignore('rollingCountBuckets');
  if (percent === undefined || volume === undefined || window === undefined || reset === undefined) return {};
  if (percent >= 100) {
    read.say('errorThresholdPercentage', 'exact', 'more than all can never fail: it never opens');
    return {};
  }
  const share = aboveShare(percent);
  read.say('errorThresholdPercentage', 'approximate', `at ${share} % of errors and above, ${PER_HOST}; istiod does not read this annotation`, TO.percentage); // prettier-ignore
  read.say('volumeThreshold', 'approximate', `${PER_HOST}: a service with ten instances needs ten times the calls`, TO.requests);
  read.say('rollingCountTimeout', 'approximate', SWEPT, TO.interval);
  read.say('resetTimeout', 'approximate', NO_HALF_OPEN, TO.ejection);
  return {
    ejection: {
      consecutive5xx: 0,
      failurePercentage: share,
      requests: Math.max(1, volume),
      interval: window,
      baseEjectionTime: reset,
    },
  };
}

function capacity(read: FieldReader): MeshPolicy {
  const capacity = read.number('capacity');
  if (capacity === undefined || capacity >= Number.MAX_SAFE_INTEGER) return {};
  read.say('capacity', 'approximate', 'of the sidecar for all its callers; above it 503 with UO, which the agent turns into ESEMLOCKED', TO.maxRequests); // prettier-ignore
  return { maxRequests: capacity, maxPending: capacity };
}

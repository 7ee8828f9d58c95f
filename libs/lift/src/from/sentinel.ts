import { FieldReader, NO_HALF_OPEN, PER_HOST, SWEPT, aboveShare } from '../field-reader.ts';
import { TO } from '../mesh-policy.ts';
import type { Lifted, MeshPolicy } from '../mesh-policy.ts';

/** One flow rule as Nacos config keeps it (`FlowRule`). */
export function fromSentinelFlow(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  read.ignore('resource', 'id', 'app', 'ip', 'port', 'gmtCreate', 'gmtModified', 'refResource');
  callers(read);
  const count = read.number('count');
  const grade = read.number('grade', 1);
  let mesh: MeshPolicy = {};
  if (grade === 0 && count !== undefined) {
    read.say('grade', 'exact', 'calls under way');
    read.say('count', 'approximate', 'of the caller’s sidecar; Sentinel counts where the rule is', TO.maxRequests);
    mesh = { maxRequests: Math.max(1, Math.floor(count)), maxPending: 1 };
  } else {
    read.say('grade', 'blocked', 'a rate: neither DestinationRule nor VirtualService limits one');
    read.sayOf('count', 'blocked', 'a rate: keep Sentinel for it');
  }
  const plain = (field: string, value: number, how: string): void => {
    const found = read.number(field);
    if (found !== undefined && found !== value) read.say(field, 'lossy', how);
  };
  plain('strategy', 0, 'limits that go by another resource or call chain have no counterpart');
  plain('controlBehavior', 0, 'Envoy refuses at once: it neither warms up nor queues');
  if (read.raw('controlBehavior') === 1) read.sayOf('warmUpPeriodSec', 'lossy', 'see controlBehavior');
  if (read.raw('controlBehavior') === 2) read.sayOf('maxQueueingTimeMs', 'lossy', 'see controlBehavior');
  read.ignore('warmUpPeriodSec', 'maxQueueingTimeMs', 'clusterConfig', 'regex');
  if (read.raw('clusterMode') === true) read.say('clusterMode', 'lossy', 'the limit is that of each sidecar');
  return { mesh, fields: read.finish() };
}

/** One degrade rule (`DegradeRule`), of 1.8 and later. */
export function fromSentinelDegrade(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  read.ignore('resource', 'id', 'app', 'ip', 'port', 'gmtCreate', 'gmtModified', 'rtSlowRequestAmount', 'regex');
  callers(read);
  const grade = read.number('grade', 0);
  const count = read.number('count');
  const wait = read.number('timeWindow');
  const least = read.number('minRequestAmount', 5) ?? 5;
  const interval = read.number('statIntervalMs', 1_000) ?? 1_000;
  if (grade === 0) {
    read.say('grade', 'blocked', 'slow calls: Envoy ejects for errors only. A timeout turns slow calls into errors');
    read.sayOf('count', 'blocked', 'see grade');
    read.sayOf('slowRatioThreshold', 'blocked', 'see grade');
    return { mesh: {}, fields: read.finish() };
  }
  read.ignore('slowRatioThreshold');
  if (count === undefined || wait === undefined) return { mesh: {}, fields: read.finish() };
  const base = { interval, baseEjectionTime: wait * 1000 };
  read.sayOf('timeWindow', 'approximate', NO_HALF_OPEN, TO.ejection);
  read.sayOf('statIntervalMs', 'approximate', SWEPT, TO.interval);
  if (grade === 2) {
    read.say('grade', 'lossy', 'a number of errors within a time: Envoy counts those in a row');
    read.say('count', 'lossy', `${count + 1} errors in a row, ${PER_HOST}`, TO.consecutive);
    read.sayOf('minRequestAmount', 'lossy', 'a row has no least number of requests');
    return { mesh: { ejection: { consecutive5xx: Math.floor(count) + 1, ...base } }, fields: read.finish() };
  }
  // DegradeRule: opens above the ratio, and at 1.0 at the ratio.
  const share = count >= 1 ? 100 : aboveShare(count * 100);
  read.say('grade', 'exact', 'a share of errors');
  read.say('count', 'approximate', `at ${share} % of errors and above, ${PER_HOST}; istiod does not read this annotation`, TO.percentage); // prettier-ignore
  read.sayOf('minRequestAmount', 'approximate', PER_HOST, TO.requests);
  return { mesh: { ejection: { consecutive5xx: 0, failurePercentage: share, requests: least, ...base } }, fields: read.finish() };
}

function callers(read: FieldReader): void {
  const app = read.raw('limitApp');
  if (app !== undefined && app !== 'default')
    read.say('limitApp', 'lossy', 'the rule is for every caller: give it a workloadSelector and the namespace of that one');
}

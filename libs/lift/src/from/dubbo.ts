import { FieldReader } from '../field-reader.ts';
import { TO } from '../mesh-policy.ts';
import type { Lifted, MeshPolicy } from '../mesh-policy.ts';

const BALANCERS = { roundrobin: 'ROUND_ROBIN', random: 'RANDOM', leastactive: 'LEAST_REQUEST' } as const;
/** What of a URL's parameters decides about calls; the others describe the provider. */
const DECIDING = new Set([
  'timeout',
  'retries',
  'loadbalance',
  'cluster',
  'weight',
  'actives',
  'executes',
  'connections',
  'sticky',
  'mock',
]);

/** Parameters of a provider's or consumer's URL, with `protocol`; defaults are Dubbo's. */
export function fromDubbo(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  read.ignore(...Object.keys(options).filter((name) => !DECIDING.has(name)));
  const binary = read.raw('protocol') === 'dubbo';
  const mesh: MeshPolicy = { ...(binary ? untranslated(read) : attempts(read)), ...balancer(read), ...limits(read) };
  read.sayOf('weight', 'exact', 'it comes with the instance from the registry');
  read.sayOf('mock', 'exact', 'it stays in the process');
  if (String(read.raw('sticky')) === 'true') read.say('sticky', 'lossy', 'the mesh picks anew for each call');
  read.ignore('sticky');
  return { mesh, fields: read.finish() };
}

/** Dubbo's timeout is that of an attempt; Istio's first timeout is that of the call. */
function attempts(read: FieldReader): MeshPolicy {
  const timeout = read.number('timeout', 1_000);
  const retries = read.number('retries', 2);
  const cluster = String(read.raw('cluster') ?? 'failover').toLowerCase();
  if (timeout === undefined || retries === undefined) return {};
  const count = cluster === 'failover' ? retries : 0;
  read.sayOf('timeout', 'exact', 'of an attempt; the call has that of all its attempts', TO.perTry);
  if (count > 0) {
    read.say(
      'retries',
      'approximate',
      'for 5xx, resets and failed connections; Dubbo repeats no error of the business code',
      TO.attempts,
    );
    read.sayOf('cluster', 'exact', 'failover');
  } else {
    read.sayOf('retries', 'exact', `none: the cluster is ${cluster}`, TO.attempts);
    if (cluster === 'failfast' || cluster === 'failover') read.sayOf('cluster', 'exact', 'no attempt beside the first');
    else if (cluster === 'failsafe') read.say('cluster', 'lossy', 'the mesh passes errors on: swallow them in the process');
    else
      read.say(
        'cluster',
        'blocked',
        `${cluster} has no counterpart: failback, forking, broadcast and available stay in the process`,
      );
  }
  return {
    timeout: timeout * (1 + count),
    retries: { attempts: count, retryOn: count > 0 ? ['5xx', 'reset', 'connect-failure', 'refused-stream'] : [], ...(count > 0 ? { perTryTimeout: timeout } : {}) }, // prettier-ignore
  };
}

function untranslated(read: FieldReader): MeshPolicy {
  for (const field of ['timeout', 'retries', 'cluster'])
    read.sayOf(field, 'blocked', 'dubbo:// is a binary protocol, and routes are of HTTP: use tri://, or keep it in the process');
  return {};
}

function balancer(read: FieldReader): MeshPolicy {
  const name = String(read.raw('loadbalance') ?? 'random').toLowerCase();
  const loadBalancer = (BALANCERS as Readonly<Record<string, MeshPolicy['loadBalancer']>>)[name];
  if (loadBalancer !== undefined) {
    const how =
      name === 'leastactive' ? 'of two instances, the one with fewer calls under way' : 'with the weights of the registry';
    read.sayOf('loadbalance', name === 'leastactive' ? 'approximate' : 'exact', how, TO.balancer);
    return { loadBalancer };
  }
  if (name === 'consistenthash') {
    read.say('loadbalance', 'blocked', 'Dubbo hashes the arguments, a mesh a header, cookie or address: name one by hand');
    return {};
  }
  read.say('loadbalance', 'lossy', 'the nearest is LEAST_REQUEST', TO.balancer);
  return { loadBalancer: 'LEAST_REQUEST' };
}

function limits(read: FieldReader): MeshPolicy {
  const actives = read.number('actives', 0) ?? 0;
  read.sayOf('executes', 'lossy', 'a limit of the provider’s: DestinationRules are for callers');
  read.sayOf('connections', 'lossy', 'HTTP/2 needs one connection');
  if (actives === 0) {
    read.sayOf('actives', 'exact', 'no limit');
    return {};
  }
  read.say('actives', 'approximate', 'of the sidecar and service, not of the method', TO.maxRequests);
  return { maxRequests: actives, maxPending: actives };
}

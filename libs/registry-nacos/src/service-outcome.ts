import { endpointKey, IsthmusError, serviceId } from '@isthmus/model';
import type { ServiceKey } from '@isthmus/model';
import { scopeDiagnostic, serviceRead } from '@isthmus/registry';
import { endsConnection, NacosRefusal, REFUSED } from './errors.ts';
import { isPersistent, recordOf } from './normalize.ts';
import type { ServiceInfo } from './normalize.ts';
import type { ServiceOutcome } from './outcome.ts';

/**
 * @param healthy What a `healthyOnly` query gave, where `info.protectionReached`: the only instances that are really healthy.
 */
export function outcomeOf(key: ServiceKey, info: ServiceInfo, healthy?: ServiceInfo): ServiceOutcome {
  const outcome = info.prepared ?? outcomeOfHosts(key, info);
  if (outcome.kind !== 'read') return outcome;
  if (outcome.read.id !== serviceId(key)) return { kind: 'failed', why: `the answer is about ${outcome.read.id}` };
  if (healthy === undefined) return outcome;
  const really = healthy.prepared ?? outcomeOfHosts(key, healthy);
  if (really.kind !== 'read') return really;
  const keys = new Set(really.read.record.endpoints.map(endpointKey));
  const endpoints = outcome.read.record.endpoints.map((endpoint) =>
    endpoint.health !== 'healthy' || keys.has(endpointKey(endpoint)) ? endpoint : { ...endpoint, health: 'unhealthy' as const },
  );
  return { kind: 'read', read: serviceRead({ ...outcome.read.record, endpoints }, outcome.read.persistent) };
}

function outcomeOfHosts(key: ServiceKey, info: ServiceInfo): ServiceOutcome {
  const result = recordOf(key, info);
  if ('rejected' in result) return { kind: 'unreadable', diagnostic: result.rejected, tooLarge: false };
  return { kind: 'read', read: serviceRead(result.record, isPersistent(info)) };
}

/** @throws what was thrown when the connection has ended with it. */
export function outcomeOfError(key: ServiceKey, thrown: unknown): ServiceOutcome {
  if (!IsthmusError.is(thrown) || endsConnection(thrown)) throw thrown;
  const tooLarge = thrown.code === 'registry.too-large';
  const illegal = thrown instanceof NacosRefusal && thrown.nacosCode === REFUSED.illegal;
  if (!tooLarge && !illegal && (thrown.code !== 'registry.protocol' || thrown instanceof NacosRefusal)) {
    return { kind: 'failed', why: thrown.message };
  }
  return {
    kind: 'unreadable',
    tooLarge,
    diagnostic: scopeDiagnostic(
      serviceId(key),
      tooLarge ? 'answer.too-large' : 'answer.invalid',
      thrown.message,
      'what was known of the service before stays; nothing is deleted',
      thrown.remedy ?? 'look at the service in Nacos',
    ),
  };
}

import { FieldReader } from '../field-reader.ts';
import { TO } from '../mesh-policy.ts';
import type { Lifted } from '../mesh-policy.ts';

/** The first policy of a channel's `loadBalancingConfig`; gRPC's default is `pick_first`. Retries and timeouts stay with the channel. */
export function fromGrpc(options: Readonly<Record<string, unknown>>): Lifted {
  const read = new FieldReader(options);
  const name = String(read.raw('loadBalancingConfig') ?? 'pick_first');
  const say = (fidelity: 'exact' | 'approximate' | 'lossy', how: string): void =>
    read.say('loadBalancingConfig', fidelity, how, fidelity === 'lossy' ? undefined : TO.balancer);
  if (name === 'round_robin') say('exact', 'with the weights of the registry, call by call');
  else if (name === 'pick_first') say('approximate', 'a channel kept to one instance: its calls are spread over all');
  else say('lossy', `${name} has no counterpart: the mesh’s own balancing is taken, least request of two`);
  return { mesh: BALANCED.has(name) ? { loadBalancer: 'ROUND_ROBIN' } : {}, fields: read.finish() };
}

const BALANCED = new Set(['round_robin', 'pick_first']);

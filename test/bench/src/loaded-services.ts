import { fromBinary } from '@bufbuild/protobuf';
import { DeltaDiscoveryResponseSchema, DiscoveryResponseSchema } from '@isthmus/proto/discovery';
import { ClusterLoadAssignmentSchema } from '@isthmus/proto/envoy';
import type { SwarmTransport } from './swarm-stream.ts';

const cache = new Map<string, readonly [service: number, weight: number]>();

/**
 * The services whose endpoints a response has, and the weight of the heaviest endpoint over that of the lightest: what the
 * scripted registry gave it.
 */
export function loadedServices(message: Uint8Array, transport: SwarmTransport): (readonly [service: number, weight: number])[] {
  const bodies =
    transport === 'delta'
      ? fromBinary(DeltaDiscoveryResponseSchema, message).resources.flatMap(({ resource }) => resource?.value ?? [])
      : fromBinary(DiscoveryResponseSchema, message).resources.map(({ value }) => value);
  return bodies.map((body) => {
    const key = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'); // every stream gets the same
    let known = cache.get(key);
    if (known === undefined) {
      if (cache.size > 2_000) cache.clear();
      cache.set(key, (known = read(body)));
    }
    return known;
  });
}

function read(body: Uint8Array): readonly [service: number, weight: number] {
  const { clusterName, endpoints } = fromBinary(ClusterLoadAssignmentSchema, body);
  const weights = endpoints.flatMap(({ lbEndpoints }) => lbEndpoints.map(({ loadBalancingWeight }) => loadBalancingWeight ?? 1));
  const service = Number(/load-(\d+)/.exec(clusterName)?.[1]);
  return [service, Math.round(Math.max(...weights) / Math.min(...weights))];
}

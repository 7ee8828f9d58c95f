import { isObject } from '../resource-set.ts';
import type { Json, JsonObject } from '../resource-set.ts';

/**
 * A locality in which every endpoint is there equally often, with each of them once: for a service of several addresses istiod lists
 * every instance once for each address. The shares are the same.
 */
export function endpointsOnce(locality: JsonObject): JsonObject {
  const { lbEndpoints, loadBalancingWeight: weight } = locality;
  if (!Array.isArray(lbEndpoints)) return locality;
  const alike = Map.groupBy(lbEndpoints as readonly Json[], (endpoint) => JSON.stringify(withoutWorkload(endpoint)));
  const [often = 1, ...others] = new Set([...alike.values()].map(({ length }) => length));
  if (often === 1 || others.length > 0) return locality;
  return {
    ...locality,
    lbEndpoints: [...alike.values()].flatMap(([first]) => first ?? []),
    ...(typeof weight === 'number' ? { loadBalancingWeight: weight / often } : {}),
  };
}

/** istiod numbers them in its own metadata, which is left out anyway. */
function withoutWorkload(endpoint: Json): Json {
  const metadata = isObject(endpoint) ? endpoint['metadata'] : undefined;
  const filters = isObject(metadata) ? metadata['filterMetadata'] : undefined;
  if (!isObject(endpoint) || !isObject(metadata) || !isObject(filters)) return endpoint;
  const { istio: _workload, ...rest } = filters;
  return { ...endpoint, metadata: { ...metadata, filterMetadata: rest } };
}

import { crc32 } from 'node:zlib';
import type { Endpoint } from '@isthmus/model';

/** Istio refuses a ServiceEntry with more. */
export const MOST_ENDPOINTS = 4096;

/** Of endpoints in one object, in JSON: etcd takes requests of 1.5 MiB, and the rest of the object needs some room. */
const MOST_BYTES = 1_200_000;

export interface EndpointShard {
  /** `''` for the first, else bits such as `01`: part of the object's name. */
  readonly id: string;
  /** In the order of the input. */
  readonly endpoints: readonly Endpoint[];
}

/**
 * Spreads endpoints over as many objects as their number and size ask for, usually one.
 *
 * A shard that grows too large splits in two by the next bit of its addresses' hash, and nothing else moves: one half
 * keeps the name. So an endpoint's shard depends on its address, a change touches one object (or the two of a split or
 * join), and the result depends on the endpoints alone, on every replica. The endpoints of one address stay together, which
 * istiod tells apart by address alone (docs/facts.md), unless even those are too many.
 */
export function endpointShards(
  endpoints: readonly Endpoint[],
  most = MOST_ENDPOINTS,
  mostBytes = MOST_BYTES,
): readonly EndpointShard[] {
  const shards: EndpointShard[] = [];
  split(endpoints, '', { most, mostBytes }, shards);
  return shards;
}

/** 32 bits of the address, then 32 of address and port; what is equal in all of them does not get smaller. */
const MOST_BITS = 64;

interface Limits {
  readonly most: number;
  readonly mostBytes: number;
}

function split(endpoints: readonly Endpoint[], path: string, limits: Limits, shards: EndpointShard[]): void {
  if (endpoints.length <= 1 || path.length === MOST_BITS || fits(endpoints, limits)) {
    // Trailing zeros say nothing: no shard's path is the start of another's.
    shards.push({ id: path.replace(/0+$/, ''), endpoints });
    return;
  }
  const zeros: Endpoint[] = [];
  const ones: Endpoint[] = [];
  for (const endpoint of endpoints) (bit(endpoint, path.length) ? ones : zeros).push(endpoint);
  if (zeros.length > 0) split(zeros, `${path}0`, limits, shards);
  if (ones.length > 0) split(ones, `${path}1`, limits, shards);
}

function bit(endpoint: Endpoint, n: number): boolean {
  const hash = n < 32 ? crc32(endpoint.address) : crc32(`${endpoint.address} ${endpoint.port}`);
  return ((hash >>> (n % 32)) & 1) === 1;
}

function fits(endpoints: readonly Endpoint[], { most, mostBytes }: Limits): boolean {
  if (endpoints.length > most) return false;
  let bytes = 0;
  for (const endpoint of endpoints) {
    bytes += jsonBytes(endpoint);
    if (bytes > mostBytes) return false;
  }
  return true;
}

/** At least what the endpoint takes as JSON; values of labels are ASCII by Istio's rules. */
function jsonBytes({ address, identity, network, locality, labels }: Endpoint): number {
  let bytes = 184 + address.length + identity.length + 4 * (network.length + locality.region.length);
  bytes += 4 * (locality.zone.length + locality.subzone.length);
  for (const key in labels) bytes += key.length + (labels[key] as string).length + 6;
  return bytes;
}

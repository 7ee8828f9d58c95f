import { isIPv4 } from 'node:net';
import type { Endpoint, MeshService } from '@isthmus/model';
import type { Proxy } from '@isthmus/translate';
import type { ServiceIndex } from './service-index.ts';

/**
 * What the registries know of the workload at a node's address wins over what the node says of itself: each label that the instance
 * has, and its locality if it has one. As Istio: only instances of the node's own namespace, and the first of several. A loopback
 * address is everybody's, so nothing is known by it.
 */
export function knownProxy(claimed: Proxy, addresses: readonly string[], services: ServiceIndex): Proxy {
  const instance = instanceAt(claimed.namespace, addresses, services);
  if (instance === undefined) return claimed;
  const { labels, locality } = instance;
  const isSomewhere = locality.region !== '' || locality.zone !== '' || locality.subzone !== '';
  const own = Object.entries({ ...claimed.labels, ...labels }).sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...claimed, labels: Object.fromEntries(own), ...(isSomewhere && { locality }) };
}

/** Those of a node by which its workload can be known. */
export function ownAddresses({ addresses }: Proxy): readonly string[] {
  return addresses.filter((address) => !isLoopback(address));
}

/** Addresses at which another instance is, or the same with other labels or in another place. */
export function movedAddresses(before: MeshService | undefined, after: MeshService | undefined): ReadonlySet<string> {
  const moved = new Set<string>();
  const [old, now] = [before?.endpoints ?? [], after?.endpoints ?? []];
  const most = Math.max(old.length, now.length);
  for (let n = 0; n < most; n += 1) {
    const [a, b] = [old[n]?.endpoint, now[n]?.endpoint];
    if (a === b || (a !== undefined && b !== undefined && isAlike(a, b))) continue;
    if (a !== undefined) moved.add(a.address);
    if (b !== undefined) moved.add(b.address);
  }
  return moved;
}

function instanceAt(namespace: string, addresses: readonly string[], services: ServiceIndex): Endpoint | undefined {
  for (const address of addresses) {
    const here = [...services.ofAddress(address)].filter(({ service }) => service.namespace === namespace);
    const [first] = here.map(({ service }) => service).sort((a, b) => (a.host < b.host ? -1 : 1));
    const found = first?.endpoints.find(({ endpoint }) => endpoint.address === address);
    if (found !== undefined) return found.endpoint;
  }
}

function isAlike(a: Endpoint, b: Endpoint): boolean {
  if (a.address !== b.address) return false;
  const there = a.locality === b.locality || JSON.stringify(a.locality) === JSON.stringify(b.locality);
  return there && (a.labels === b.labels || JSON.stringify(a.labels) === JSON.stringify(b.labels));
}

function isLoopback(address: string): boolean {
  return (isIPv4(address) && address.startsWith('127.')) || address === '::1' || address === '0.0.0.0' || address === '::';
}

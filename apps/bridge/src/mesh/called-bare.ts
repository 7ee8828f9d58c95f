import { hostMatches } from '@isthmus/model';
import type { MeshHost } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import type { ProxyScope } from '@isthmus/translate';
import type { ConsumerPolicies } from './consumer-policies.ts';
import { destinationHosts } from './rules-by-host.ts';

/**
 * Whether somebody's process breaks the circuits of a call that ends here: of one to the host, or to another that a rule sends on.
 * @param rules those that the host is part of
 */
export function isCalledBare(
  { proxy }: ProxyScope,
  consumers: ConsumerPolicies,
  host: MeshHost,
  rules: () => Iterable<IstioObject<'VirtualService'>>,
): boolean {
  if (consumers.isEmpty || proxy.kind === 'router' || proxy.grpc) return false;
  const leaves = (called: string): boolean => consumers.leaves(proxy.consumer, called);
  if (leaves(host)) return true;
  for (const rule of rules()) {
    if (!destinationHosts(rule).includes(host)) continue;
    for (const called of consumers.hosts())
      if (leaves(called) && rule.spec.hosts.some((pattern) => hostMatches(called, pattern))) return true;
  }
  return false;
}

import { isWildcardHost, mostSpecificHost } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';

type Rules = readonly IstioObject<'VirtualService'>[];

interface HostIndex {
  readonly exact: ReadonlyMap<string, IstioObject<'VirtualService'>>;
  readonly wildcards: ReadonlyMap<string, IstioObject<'VirtualService'>>;
}

/** By the list itself: a scope gives the same one until its rules change. */
const indexes = new WeakMap<Rules, HostIndex>();

/** Of all rules the one that a service's host belongs to: by its name, else by the longest wildcard; the first of equal ones. */
export function ruleOfHost(rules: Rules, host: string): IstioObject<'VirtualService'> | undefined {
  let index = indexes.get(rules);
  if (index === undefined) indexes.set(rules, (index = indexOf(rules)));
  return mostSpecificHost(host, index.exact, index.wildcards)?.[1];
}

function indexOf(rules: Rules): HostIndex {
  const exact = new Map<string, IstioObject<'VirtualService'>>();
  const wildcards = new Map<string, IstioObject<'VirtualService'>>();
  for (const rule of rules) {
    for (const host of rule.spec.hosts) {
      const map = isWildcardHost(host) ? wildcards : exact;
      if (!map.has(host)) map.set(host, rule);
    }
  }
  return { exact, wildcards };
}

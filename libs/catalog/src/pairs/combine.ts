import { addressKey, endpointKey, takesTraffic } from '@isthmus/model';
import type { Endpoint, ServiceRecord } from '@isthmus/model';
import type { PairRule } from './pair-rules.ts';

/**
 * What callers of the registry's service get. Its stable ports do not change when Kubernetes knows it too: instances from
 * there come without the port names that their own service declares.
 */
export function combine(registry: ServiceRecord, kubernetes: ServiceRecord, rule: PairRule): ServiceRecord {
  switch (rule.policy) {
    case 'registry':
      return registry;
    case 'kubernetes':
      return { ...registry, endpoints: sorted(comparable(registry, kubernetes, rule)) };
    case 'both':
      return { ...registry, endpoints: sorted(both(registry.endpoints, comparable(registry, kubernetes, rule), rule)) };
    default:
      return rule.policy satisfies never;
  }
}

/** Kubernetes' instances of the one port that the registry's service is about. */
export function comparable(registry: ServiceRecord, kubernetes: ServiceRecord, rule: PairRule): readonly Endpoint[] {
  const name = portName(registry, kubernetes, rule);
  return kubernetes.endpoints.filter((endpoint) => name === undefined || endpoint.portName === name).map(withoutPortName);
}

function withoutPortName(endpoint: Endpoint): Endpoint {
  const { portName: _portName, ...rest } = endpoint;
  return rest;
}

function portName(registry: ServiceRecord, kubernetes: ServiceRecord, { port }: PairRule): string | undefined {
  const ports = kubernetes.ports ?? [];
  if (port !== undefined) return ports.find(({ name, number }) => name === String(port) || number === Number(port))?.name ?? '';
  const spoken = new Set(registry.endpoints.map(({ protocol }) => protocol));
  return (ports.find(({ protocol }) => spoken.has(protocol)) ?? ports[0])?.name;
}

/** One process in both is one endpoint, and the registry's words about it count. */
function both(registry: readonly Endpoint[], kubernetes: readonly Endpoint[], { weights }: PairRule): readonly Endpoint[] {
  const known = new Set(registry.map(addressKey));
  const more = kubernetes.filter((endpoint) => !known.has(addressKey(endpoint)));
  const sums = { registry: sum(registry), kubernetes: sum(more) };
  if (weights === undefined || sums.registry === 0 || sums.kubernetes === 0) return [...registry, ...more];
  const all = weights.registry + weights.kubernetes;
  const takers = [...registry, ...more].filter(takesTraffic).length;
  const scale = (endpoints: readonly Endpoint[], share: number, of: number): readonly Endpoint[] =>
    endpoints.map((e) => ({ ...e, weight: share === 0 ? 0 : hundredths((e.weight / of) * (share / all) * takers) }));
  return [...scale(registry, weights.registry, sums.registry), ...scale(more, weights.kubernetes, sums.kubernetes)];
}

function sum(endpoints: readonly Endpoint[]): number {
  return endpoints.filter(takesTraffic).reduce((total, { weight }) => total + weight, 0);
}

/** Proxies count in hundredths; what is more than nothing stays more than nothing. */
function hundredths(weight: number): number {
  return weight === 0 ? 0 : Math.min(10_000, Math.max(0.01, Math.round(weight * 100) / 100));
}

function sorted(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  return [...endpoints].sort((a, b) => (endpointKey(a) < endpointKey(b) ? -1 : 1));
}

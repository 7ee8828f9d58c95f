import { addressKey, takesTraffic } from '@isthmus/model';
import type { Endpoint } from '@isthmus/model';

/** One way in which a registry and Kubernetes disagree about a service. `at` is an address and a port, or an address. */
export type EndpointDifference =
  | { readonly kind: 'only-registry' | 'only-kubernetes'; readonly at: string }
  | { readonly kind: 'port' | 'health' | 'labels'; readonly at: string; readonly registry: string; readonly kubernetes: string };

/** Sorted by place. Labels are compared where both sides have one of the name: each has plenty that the other cannot know. */
export function diffEndpoints(registry: readonly Endpoint[], kubernetes: readonly Endpoint[]): readonly EndpointDifference[] {
  const found: EndpointDifference[] = [];
  const theirs = new Map(kubernetes.map((endpoint) => [addressKey(endpoint), endpoint]));
  const unmatched = new Map<string, Endpoint[]>();
  const mine = new Set(registry.map(addressKey));
  for (const [key, endpoint] of theirs) {
    if (mine.has(key)) continue;
    unmatched.set(endpoint.address, [...(unmatched.get(endpoint.address) ?? []), endpoint]);
  }
  for (const endpoint of registry) {
    const key = addressKey(endpoint);
    const twin = theirs.get(key);
    if (twin !== undefined) {
      found.push(...compared(endpoint, twin, key));
      continue;
    }
    const moved = unmatched.get(endpoint.address)?.shift();
    if (moved === undefined) found.push({ kind: 'only-registry', at: key });
    else {
      found.push({ kind: 'port', at: endpoint.address, registry: String(endpoint.port), kubernetes: String(moved.port) });
    }
  }
  for (const endpoint of [...unmatched.values()].flat()) found.push({ kind: 'only-kubernetes', at: addressKey(endpoint) });
  return found.sort((a, b) => (`${a.at} ${a.kind}` < `${b.at} ${b.kind}` ? -1 : 1));
}

function* compared(registry: Endpoint, kubernetes: Endpoint, at: string): Generator<EndpointDifference> {
  if (takesTraffic(registry) !== takesTraffic(kubernetes)) {
    yield { kind: 'health', at, registry: registry.health, kubernetes: kubernetes.health };
  }
  const pairs = Object.entries(registry.labels).filter(([name, value]) => (kubernetes.labels[name] ?? value) !== value);
  if (pairs.length === 0) return;
  const text = (labels: Readonly<Record<string, string>>) => pairs.map(([name]) => `${name}=${labels[name]}`).join(',');
  yield { kind: 'labels', at, registry: text(registry.labels), kubernetes: text(kubernetes.labels) };
}

import { isIPv4, isIPv6 } from 'node:net';
import { NOWHERE } from '@isthmus/model';
import type { IstioObject, LocalityLoadBalancerSetting } from '@isthmus/proto/istio';
import type { Proxy } from '@isthmus/translate';

/**
 * What of a proxy the rules in force tell apart. Proxies that differ only in what no rule looks at are one class and share
 * every resource but their own listeners: a thousand workloads without a selector that names them cost as much as one.
 */
export class Distinctions {
  /** Label names in any selector, with the number of objects that have it there. */
  readonly #labels = new Counts();
  /** Rules that prefer the caller's own locality. */
  #localities = 0;

  /** @param mesh how callers prefer instances near them where no rule says it */
  constructor(mesh?: LocalityLoadBalancerSetting) {
    for (const name of mesh?.failoverPriority ?? []) this.#labels.add(name.split('=')[0] ?? '');
    // Failover takes a rule with outlier detection, which asks for it itself.
    if ((mesh?.distribute.length ?? 0) > 0) this.#localities += 1;
  }

  /** @returns whether proxies may fall into other classes now */
  replace(before: IstioObject | undefined, after: IstioObject | undefined): boolean {
    const had = this.#localities > 0;
    let changed = false;
    for (const name of after === undefined ? [] : labelsOf(after)) changed = this.#labels.add(name) || changed;
    for (const name of before === undefined ? [] : labelsOf(before)) changed = this.#labels.drop(name) || changed;
    this.#localities += Number(after !== undefined && asksForLocality(after));
    this.#localities -= Number(before !== undefined && asksForLocality(before));
    return changed || had !== this.#localities > 0;
  }

  /** The proxy without what makes no difference; its egress listener is its own, and only who has one is served its routes. */
  classOf(proxy: Proxy): Proxy {
    const labels = Object.entries(proxy.labels).filter(([name]) => this.#labels.has(name));
    return {
      ...proxy,
      labels: Object.fromEntries(labels),
      addresses: familiesOf(proxy),
      egress: proxy.interception === 'explicit' || proxy.egress === undefined ? undefined : ANY_DOOR,
      cluster: '',
      locality: this.#localities > 0 ? proxy.locality : NOWHERE,
    };
  }
}

const ANY_DOOR = { address: '127.0.0.1', port: 0 } as const;

/**
 * Of its addresses only their families: an address that nobody has stands for each. A router's count themselves, since it
 * listens on the ports that the service of its addresses maps.
 */
function familiesOf({ kind, addresses, interception, grpc }: Proxy): readonly string[] {
  if (kind === 'router') return addresses;
  if (interception === 'explicit' && !grpc) return [];
  const v4 = addresses.some((address) => isIPv4(address));
  const v6 = addresses.some((address) => isIPv6(address));
  return [...(v4 ? ['0.0.0.0'] : []), ...(v6 ? ['::'] : [])];
}

class Counts {
  readonly #counts = new Map<string, number>();

  has(name: string): boolean {
    return this.#counts.has(name);
  }

  /** @returns whether it is new */
  add(name: string): boolean {
    const count = this.#counts.get(name) ?? 0;
    this.#counts.set(name, count + 1);
    return count === 0;
  }

  /** @returns whether it was the last */
  drop(name: string): boolean {
    const count = this.#counts.get(name) ?? 0;
    if (count > 1) this.#counts.set(name, count - 1);
    else this.#counts.delete(name);
    return count === 1;
  }
}

function labelsOf(object: IstioObject): ReadonlySet<string> {
  return new Set(selectorsOf(object).flatMap((selector) => Object.keys(selector ?? {})));
}

type Selector = Readonly<Record<string, string>> | undefined;

function selectorsOf(object: IstioObject): readonly Selector[] {
  if (is(object, 'VirtualService')) {
    const { http, tcp, tls } = object.spec;
    return [...http, ...tcp, ...tls].flatMap(({ match }) => match.map(({ sourceLabels }) => sourceLabels));
  }
  if (is(object, 'DestinationRule')) {
    const { workloadSelector, subsets, trafficPolicy } = object.spec;
    const policies = [trafficPolicy, ...subsets.map((subset) => subset.trafficPolicy)];
    // Failover by label compares the caller's labels with those of the instances.
    const names = policies.flatMap((policy) => {
      const everywhere = [policy?.loadBalancer, ...(policy?.portLevelSettings ?? []).map((port) => port.loadBalancer)];
      return everywhere.flatMap((balancer) => balancer?.localityLbSetting?.failoverPriority ?? []);
    });
    const byLabel = Object.fromEntries(names.map((name) => [name.split('=')[0] ?? '', '']));
    return [workloadSelector?.matchLabels, byLabel];
  }
  if (is(object, 'Sidecar')) return [object.spec.workloadSelector?.labels];
  if (is(object, 'Gateway')) return [object.spec.selector];
  if (is(object, 'ProxyConfig')) return [object.spec.selector?.matchLabels];
  return [];
}

/** Outlier detection is what turns locality failover on in Istio. */
function asksForLocality(object: IstioObject): boolean {
  if (!is(object, 'DestinationRule')) return false;
  const { subsets, trafficPolicy } = object.spec;
  return [trafficPolicy, ...subsets.map((subset) => subset.trafficPolicy)].some((policy) =>
    [policy, ...(policy?.portLevelSettings ?? [])].some(
      (settings) => settings?.outlierDetection !== undefined || settings?.loadBalancer?.localityLbSetting !== undefined,
    ),
  );
}

function is<K extends IstioObject['kind']>(object: IstioObject, kind: K): object is IstioObject<K> {
  return object.kind === kind;
}

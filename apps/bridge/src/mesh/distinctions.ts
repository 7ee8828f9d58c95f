import { isIPv4, isIPv6 } from 'node:net';
import { NOWHERE } from '@isthmus/model';
import type { IstioObject, LocalityLoadBalancerSetting, TrafficPolicy } from '@isthmus/proto/istio';
import { isAnonymous } from '@isthmus/translate';
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
  /** Rules that compare labels of callers and instances. */
  #priorities = 0;

  /** @param mesh how callers prefer instances near them where no rule says it */
  constructor(mesh?: LocalityLoadBalancerSetting) {
    for (const name of mesh?.failoverPriority ?? []) this.#labels.add(labelIn(name));
    if ((mesh?.failoverPriority.length ?? 0) > 0) this.#priorities += 1;
    // Failover takes a rule with outlier detection, which asks for it itself.
    if ((mesh?.distribute.length ?? 0) > 0) this.#localities += 1;
  }

  /** @returns whether proxies may fall into other classes now */
  replace(before: IstioObject | undefined, after: IstioObject | undefined): boolean {
    const [had, compared] = [this.#localities > 0, this.#priorities > 0];
    let changed = false;
    for (const name of after === undefined ? [] : labelsOf(after)) changed = this.#labels.add(name) || changed;
    for (const name of before === undefined ? [] : labelsOf(before)) changed = this.#labels.drop(name) || changed;
    this.#localities += Number(after !== undefined && asksForLocality(after));
    this.#localities -= Number(before !== undefined && asksForLocality(before));
    this.#priorities += Number(after !== undefined && prioritiesOf(after).length > 0);
    this.#priorities -= Number(before !== undefined && prioritiesOf(before).length > 0);
    return changed || had !== this.#localities > 0 || compared !== this.#priorities > 0;
  }

  /** The proxy without what makes no difference; its egress listener is its own, and only who has one is served its routes. */
  classOf(proxy: Proxy): Proxy {
    const labels = Object.entries(proxy.labels).filter(([name]) => this.#labels.has(name));
    return {
      ...proxy,
      labels: Object.fromEntries(labels),
      addresses: familiesOf(proxy),
      egress: proxy.interception === 'explicit' || proxy.egress === undefined ? undefined : ANY_DOOR,
      cluster: this.#labels.has('topology.istio.io/cluster') ? proxy.cluster : '',
      // What is left out here is something that it said of itself.
      ...(this.#priorities > 0 && !isAnonymous(proxy) && { anonymous: false }),
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
    const byLabel = Object.fromEntries(prioritiesOf(object).map((name) => [labelIn(name), '']));
    return [object.spec.workloadSelector?.matchLabels, byLabel];
  }
  if (is(object, 'Sidecar')) return [object.spec.workloadSelector?.labels];
  if (is(object, 'Gateway')) return [object.spec.selector];
  if (is(object, 'ProxyConfig')) return [object.spec.selector?.matchLabels];
  return [];
}

/** Outlier detection is what turns locality failover on in Istio. */
function asksForLocality(object: IstioObject): boolean {
  return settingsOf(object).some(
    ({ outlierDetection, loadBalancer }) =>
      outlierDetection !== undefined ||
      loadBalancer?.localityLbSetting !== undefined ||
      loadBalancer?.zoneAwareLbSetting !== undefined,
  );
}

/** Failover by label compares the caller's labels with those of the instances. */
function prioritiesOf(object: IstioObject): readonly string[] {
  return settingsOf(object).flatMap(({ loadBalancer }) =>
    [loadBalancer?.localityLbSetting, loadBalancer?.zoneAwareLbSetting].flatMap((setting) => setting?.failoverPriority ?? []),
  );
}

/** `rack`, or `rack=r1`. */
function labelIn(priority: string): string {
  return priority.split('=')[0] ?? '';
}

type Settings = Pick<TrafficPolicy, 'loadBalancer' | 'outlierDetection'>;

/** All that a DestinationRule says for whole services, for subsets and for ports of either. */
function settingsOf(object: IstioObject): readonly Settings[] {
  if (!is(object, 'DestinationRule')) return [];
  const { subsets, trafficPolicy } = object.spec;
  return [trafficPolicy, ...subsets.map((subset) => subset.trafficPolicy)].flatMap((policy): readonly Settings[] =>
    policy === undefined ? [] : [policy, ...policy.portLevelSettings],
  );
}

function is<K extends IstioObject['kind']>(object: IstioObject, kind: K): object is IstioObject<K> {
  return object.kind === kind;
}

import type { IstioObject, IstioSpecs } from '@isthmus/proto/istio';

type Route = {
  readonly destination?: { readonly host: string; readonly port?: { readonly number: number } | undefined } | undefined;
};

/** Ports that rules send to, by host; 0 stands for all of them: a destination that names none. */
export type Destinations = ReadonlyMap<string, ReadonlySet<number>>;

/** Where VirtualServices may send what comes from a namespace: such services are known to a proxy although nobody imported them. */
export function destinationsOf(rules: readonly IstioObject<'VirtualService'>[], namespace: string): Destinations {
  const found = new Map<string, Set<number>>();
  const add = ({ destination }: Route): void => {
    if (destination === undefined) return;
    const ports = found.get(destination.host) ?? new Set();
    found.set(destination.host, ports.add(destination.port?.number ?? 0));
  };
  for (const { spec } of rules) {
    for (const http of spec.http) {
      if (!isFor(http, namespace)) continue;
      http.route.forEach(add);
      add({ destination: http.mirror });
      http.mirrors.forEach(add);
    }
    for (const { route } of [...spec.tcp, ...spec.tls]) route.forEach(add);
  }
  return found;
}

function isFor({ match }: IstioSpecs['VirtualService']['http'][number], namespace: string): boolean {
  const named = match.filter(({ sourceNamespace }) => sourceNamespace !== '');
  return named.length === 0 || named.some(({ sourceNamespace }) => sourceNamespace === namespace);
}

type Rules = readonly IstioObject<'VirtualService'>[];

/** Remembered with the list, which is the same as long as nothing in it changed. */
const remembered = new WeakMap<Rules, ReadonlyMap<string, Rules>>();

/** By host: the rules whose tcp or tls routes send to it. Listeners of these name its clusters, and so depend on its ports. */
export function connectionTargets(rules: Rules): ReadonlyMap<string, Rules> {
  let targets = remembered.get(rules);
  if (targets === undefined) {
    const found = new Map<string, Rules>();
    for (const rule of rules) {
      if (rule.spec.tcp.length === 0 && rule.spec.tls.length === 0) continue; // nearly all
      const routes = [...rule.spec.tcp, ...rule.spec.tls].flatMap(({ route }) => route);
      for (const host of new Set(routes.flatMap(({ destination }) => destination?.host ?? []))) {
        found.set(host, [...(found.get(host) ?? []), rule]);
      }
    }
    remembered.set(rules, (targets = found));
  }
  return targets;
}

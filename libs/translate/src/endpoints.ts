import type { Endpoint, MeshService, Resource, ServicePort } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { breaksCircuits } from './clusters/bare.ts';
import { isPassthrough } from './clusters/load-balancer.ts';
import { portPolicy, subsetPolicy } from './clusters/traffic-policy.ts';
import { encodeLoadAssignment } from './encode-load-assignment.ts';
import { decidingLabels, localityRule } from './endpoints/locality-rule.ts';
import { isAnonymous, seenFrom } from './endpoints/locality-priorities.ts';
import { hasLabels, labelOf } from './endpoints/topology-labels.ts';
import { byLocality } from './load-assignment.ts';
import { bareName, outboundName, sniDnatName } from './names.ts';
import { resource } from './resource.ts';
import { servingEndpoints } from './serving-endpoints.ts';
import { inCluster, isToldOfUnhealthy, shownEndpoints } from './unhealthy.ts';
import type { Policy } from './clusters/traffic-policy.ts';
import { NO_DEFAULTS } from './scope.ts';
import type { Proxy } from './proxy.ts';
import type { ClusterDefaults } from './scope.ts';

type Rule = IstioObject<'DestinationRule'> | undefined;

/**
 * One ClusterLoadAssignment per service port, and per subset of the rule. A DNS service has none, its clusters carry the
 * names; where callers dial addresses (`none`) only routers have some.
 * @param proxy who sees them; undefined: somebody without a place. Only what `endpointVariant` says of it matters.
 */
export function endpointsOf(
  service: MeshService,
  rule: Rule,
  proxy: Proxy | undefined,
  mesh: ClusterDefaults = NO_DEFAULTS,
): readonly Resource[] {
  if (!hasAssignments(service, proxy)) return [];
  return service.ports.flatMap((port) => portAssignments({ service, rule, proxy, mesh }, port, outboundName));
}

/** For the clusters of `bareClusters`: Envoy keeps apart what it was sent for two clusters, and a late one would wait for the next change. */
export function bareEndpoints(
  service: MeshService,
  rule: Rule,
  proxy: Proxy,
  mesh: ClusterDefaults = NO_DEFAULTS,
): readonly Resource[] {
  if (proxy.grpc || !breaksCircuits(rule?.spec) || !hasAssignments(service, proxy)) return [];
  return service.ports.flatMap((port) => portAssignments({ service, rule, proxy, mesh }, port, bareName));
}

/** For callers without rules: one ClusterLoadAssignment per service port. */
export function endpointResources(service: MeshService): readonly Resource[] {
  return endpointsOf(service, undefined, undefined);
}

/**
 * For the clusters of `sniDnatClusters`: only endpoints that speak mTLS may be reached by them, and without an authority
 * there are none.
 */
export function sniDnatEndpoints(service: MeshService, rule: Rule, proxy: Proxy): readonly Resource[] {
  if (service.declared?.external === true || (service.resolution !== 'dynamic-dns' && !hasAssignments(service, proxy))) return [];
  return service.ports.flatMap((port) => {
    const { localities } = byLocality(service, servingEndpoints(service, port.name));
    const empty = { localities: localities.map(({ locality }) => ({ locality, weight: 0, members: [] })) };
    return ['', ...(rule?.spec.subsets ?? []).map(({ name }) => name)].map((subset) => {
      const name = sniDnatName(service.host, port.number, subset);
      return resource(name, encodeLoadAssignment(name, empty));
    });
  });
}

/** What of the proxy decides about its endpoints of the service: proxies with equal ones share every byte. */
export function endpointVariant(service: MeshService, rule: Rule, proxy: Proxy, mesh: ClusterDefaults = NO_DEFAULTS): string {
  if (!hasAssignments(service, proxy)) return 'none';
  const variant = localityVariant(service, rule, proxy, mesh);
  return mesh.unhealthy === 'send' && !isToldOfUnhealthy(proxy, mesh) ? `${variant} grpc` : variant;
}

/** What of the proxy's place and labels the rule looks at, or the mesh's where it says nothing; `''`: nothing. */
export function localityVariant(service: MeshService, rule: Rule, proxy: Proxy, mesh: ClusterDefaults): string {
  if (rule === undefined && mesh.localityLb === undefined) return '';
  const spec = rule?.spec;
  let looksAtPlace = false;
  let compares = false;
  const labels = new Set<string>();
  for (const { number } of service.ports) {
    const subsets = spec === undefined ? [] : spec.subsets.map((subset) => subsetPolicy(spec, subset, number));
    for (const policy of [portPolicy(spec, number), ...subsets]) {
      const locality = localityRule(policy, mesh);
      looksAtPlace ||= locality.kind !== 'none';
      compares ||= 'labels' in locality && locality.labels.length > 0;
      for (const label of decidingLabels(locality)) labels.add(label);
    }
  }
  if (!looksAtPlace) return '';
  const { region, zone, subzone } = proxy.locality;
  const values = [...labels].sort().map((label) => labelOf(proxy, label) ?? '');
  // One of which nothing is known has no priorities; one that has other labels than these has.
  return JSON.stringify([region, zone, subzone, values, compares && isAnonymous(proxy)]);
}

function hasAssignments({ resolution }: MeshService, proxy: Proxy | undefined): boolean {
  return resolution === 'static' || (resolution === 'none' && proxy?.kind === 'router');
}

interface Seen {
  readonly service: MeshService;
  readonly rule: Rule;
  readonly proxy: Proxy | undefined;
  readonly mesh: ClusterDefaults;
}

function portAssignments(seen: Seen, port: ServicePort, nameOf: typeof outboundName): readonly Resource[] {
  const { service, rule, proxy, mesh } = seen;
  const all = shownEndpoints(service, port.name, proxy, mesh).filter(({ addressType }) => addressType === 'ip');
  const one = (subset: string, policy: Policy | undefined, endpoints: readonly Endpoint[]): Resource => {
    const name = nameOf(service.host, port.number, subset);
    return resource(name, encodeLoadAssignment(name, assignment(seen, inCluster(endpoints, policy, mesh), policy)));
  };
  if (rule === undefined) return [one('', undefined, all)];
  const { spec } = rule;
  const policy = portPolicy(spec, port.number);
  if (isPassthrough(policy?.loadBalancer)) return []; // and so have its subsets: Istio takes over the cluster's type
  const subsets = spec.subsets
    .map((subset) => ({ subset, own: subsetPolicy(spec, subset, port.number) }))
    .filter(({ subset, own }) => !isPassthrough(subset.trafficPolicy?.loadBalancer) && !isPassthrough(own?.loadBalancer))
    .map(({ subset, own }) =>
      one(
        subset.name,
        own,
        all.filter((endpoint) => hasLabels(endpoint, subset.labels)),
      ),
    );
  return [one('', policy, all), ...subsets];
}

function assignment({ service, proxy, mesh }: Seen, endpoints: readonly Endpoint[], policy: Policy | undefined) {
  const plain = byLocality(service, endpoints);
  return proxy === undefined ? plain : seenFrom(proxy, plain, localityRule(policy, mesh));
}

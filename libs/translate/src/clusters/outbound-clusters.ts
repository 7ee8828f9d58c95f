import type { Endpoint, MeshService, Resource, ServicePort } from '@isthmus/model';
import type { DestinationRule, IstioObject, Subset } from '@isthmus/proto/istio';
import { localityRule } from '../endpoints/locality-rule.ts';
import { seenFrom } from '../endpoints/locality-priorities.ts';
import { hasLabels } from '../endpoints/topology-labels.ts';
import { joinParts } from '../fields.ts';
import { byLocality } from '../load-assignment.ts';
import { bareName, outboundName, sniDnatName } from '../names.ts';
import { resource } from '../resource.ts';
import { servingEndpoints } from '../serving-endpoints.ts';
import { addressFamily } from './address-family.ts';
import { dnsHead, edsHead, originalDstHead } from './discovery.ts';
import { canForward, forwardProxyHead } from './forward-proxy.ts';
import { isPassthrough } from './load-balancer.ts';
import { policyBytes } from './policy-bytes.ts';
import { isHttp2 } from './port-protocol.ts';
import { portPolicy, subsetPolicy } from './traffic-policy.ts';
import { NO_DEFAULTS } from '../scope.ts';
import { inCluster, shownEndpoints } from '../unhealthy.ts';
import type { Proxy } from '../proxy.ts';
import type { ClusterDefaults } from '../scope.ts';
import type { Policy } from './traffic-policy.ts';

type Rule = IstioObject<'DestinationRule'> | undefined;

/** How a cluster's hosts are found. */
type Finding = 'eds' | 'dns' | 'dns-round-robin' | 'original-dst' | 'forward-proxy';

/**
 * `sni-dnat`: for gateways that pass TLS through to the cluster that the SNI names. `bare`: without ejection and limits, for callers
 * whose own process breaks circuits.
 */
export type ClusterMode = 'outbound' | 'bare' | 'sni-dnat';

const NAMES = { outbound: outboundName, bare: bareName, 'sni-dnat': sniDnatName } as const;

/**
 * One Cluster per service port and per subset of the rule there. Endpoint changes never touch them, except in a DNS
 * service, whose clusters carry the names.
 * @param proxy who calls; undefined: a sidecar that tells nothing of itself
 */
export function outboundClusters(
  service: MeshService,
  rule: Rule,
  proxy: Proxy | undefined,
  mode: ClusterMode,
  mesh: ClusterDefaults = NO_DEFAULTS,
): readonly Resource[] {
  const seen: Seen = { service, rule, proxy, mode, mesh };
  return service.ports.flatMap((port) => portClusters(seen, port));
}

interface Seen {
  readonly service: MeshService;
  readonly rule: Rule;
  readonly proxy: Proxy | undefined;
  readonly mode: ClusterMode;
  readonly mesh: ClusterDefaults;
}

interface Part {
  readonly port: ServicePort;
  readonly subset: Subset | undefined;
  readonly policy: Policy | undefined;
  /** Before the policy is looked at: what it replaces leaves its traces. */
  readonly before: Finding;
  readonly finding: Finding;
  /** Of a DNS service. */
  readonly endpoints: readonly Endpoint[];
}

function portClusters(seen: Seen, port: ServicePort): readonly Resource[] {
  const { service, rule, mesh } = seen;
  const finding = findingOf(seen);
  if (finding === 'forward-proxy' && !canForward(port)) return [];
  // Istio has no cluster for a name without instances. One that is only out of service stays, so that it can come back.
  if (isDns(service) && !service.endpoints.some(({ portName }) => portName === port.name)) return [];
  const endpoints = namesOf(seen, port);
  const policy = portPolicy(rule?.spec, port.number);
  const whole: Part = {
    port,
    subset: undefined,
    policy,
    before: finding,
    finding: isPassthrough(policy?.loadBalancer) && finding !== 'forward-proxy' ? 'original-dst' : finding,
    endpoints: inCluster(endpoints, policy, mesh),
  };
  const subsets =
    rule === undefined || service.resolution === 'dynamic-dns'
      ? []
      : rule.spec.subsets.map((subset) => subsetPart(seen, rule.spec, subset, whole, endpoints));
  return [whole, ...subsets].filter((part) => part.subset === undefined || hasHosts(part)).map((part) => cluster(seen, part));
}

/** What the clusters of a DNS service carry. Where that is one name alone (LOGICAL_DNS), it is one that serves. */
function namesOf({ service, proxy, mesh }: Seen, port: ServicePort): readonly Endpoint[] {
  if (!isDns(service)) return [];
  return service.resolution === 'dns' ? shownEndpoints(service, port.name, proxy, mesh) : servingEndpoints(service, port.name);
}

function subsetPart({ mesh }: Seen, rule: DestinationRule, subset: Subset, whole: Part, names: readonly Endpoint[]): Part {
  const policy = subsetPolicy(rule, subset, whole.port.number);
  // What the subset says of all ports counts here even where it says something else of this one.
  const before = isPassthrough(subset.trafficPolicy?.loadBalancer) ? 'original-dst' : whole.finding;
  return {
    port: whole.port,
    subset,
    policy,
    before,
    finding: isPassthrough(policy?.loadBalancer) ? 'original-dst' : before,
    endpoints: inCluster(
      names.filter((endpoint) => hasLabels(endpoint, subset.labels)),
      policy,
      mesh,
    ),
  };
}

function cluster(seen: Seen, part: Part): Resource {
  const { service, rule, mode, mesh } = seen;
  const { port, subset, policy, finding } = part;
  const name = NAMES[mode](service.host, port.number, subset?.name);
  const tail = policyBytes(rule, place(rule, port, subset), {
    policy,
    http2: isHttp2(port.protocol),
    hosts: finding === 'original-dst' ? 'dialled' : finding === 'forward-proxy' ? 'named' : 'known',
    bare: mode === 'bare',
    sniDnat: mode === 'sni-dnat',
    alternativeNames: finding === 'forward-proxy' ? [] : (service.declared?.subjectAltNames ?? []),
    mesh,
  });
  return resource(name, joinParts([head(name, seen, part), tail]));
}

function head(name: string, { service, proxy, mesh }: Seen, { port, policy, before, finding, endpoints }: Part): Uint8Array {
  switch (finding) {
    case 'eds':
      return edsHead(name);
    case 'original-dst': {
      const resolves = before === 'dns' || before === 'dns-round-robin';
      // As istiod: not where only a rule's PASSTHROUGH makes it one, which is a router's for a service without addresses.
      const override = before === 'original-dst' && service.resolution === 'none' ? port.targetPort : undefined;
      return originalDstHead(name, override, resolves ? addressFamily(proxy) : undefined);
    }
    case 'dns':
    case 'dns-round-robin': {
      // Envoy refuses a LOGICAL_DNS cluster of more than one name.
      const [use, names] = finding === 'dns' ? (['all', endpoints] as const) : (['first', endpoints.slice(0, 1)] as const);
      const plain = byLocality(service, names);
      const assignment = proxy === undefined ? plain : seenFrom(proxy, plain, localityRule(policy, mesh));
      // … and one of none, which a rule leaves that sends calls to other places than its only name is in.
      const isNobody = assignment.localities.every(({ members }) => members.length === 0);
      return dnsHead(name, isNobody ? 'all' : use, addressFamily(proxy), assignment);
    }
    case 'forward-proxy':
      return forwardProxyHead(name, service.host, proxy, port, policy);
    default:
      return finding satisfies never;
  }
}

function isDns({ resolution }: MeshService): boolean {
  return resolution === 'dns' || resolution === 'dns-round-robin';
}

function hasHosts({ before, endpoints }: Part): boolean {
  return (before !== 'dns' && before !== 'dns-round-robin') || endpoints.length > 0;
}

function findingOf({ service: { resolution }, proxy, mode }: Seen): Finding {
  switch (resolution) {
    case 'static':
      return 'eds';
    case 'dns':
    case 'dns-round-robin':
      return resolution;
    case 'none':
      // Nobody dials through a router: it has to be told.
      return proxy?.kind === 'router' ? 'eds' : 'original-dst';
    case 'dynamic-dns':
      return mode === 'sni-dnat' ? 'eds' : 'forward-proxy';
    default:
      return resolution satisfies never;
  }
}

/** Which of the rule's policies a cluster has: ports share one unless the rule says something of a port. */
function place(rule: Rule, port: ServicePort, subset: Subset | undefined): string {
  const policies = [rule?.spec.trafficPolicy, subset?.trafficPolicy];
  const ofPort = policies.some((policy) => policy?.portLevelSettings.some((one) => one.port?.number === port.number));
  return `${ofPort ? port.number : ''}|${subset?.name ?? ''}`;
}

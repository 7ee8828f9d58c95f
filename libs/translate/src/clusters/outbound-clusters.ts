import type { Endpoint, MeshService, Resource, ServicePort } from '@isthmus/model';
import type { IstioObject, Subset } from '@isthmus/proto/istio';
import { localityRule } from '../endpoints/locality-rule.ts';
import { seenFrom } from '../endpoints/locality-priorities.ts';
import { hasLabels } from '../endpoints/topology-labels.ts';
import { joinParts } from '../fields.ts';
import { byLocality } from '../load-assignment.ts';
import { outboundName } from '../names.ts';
import { resource } from '../resource.ts';
import { servingEndpoints } from '../serving-endpoints.ts';
import { addressFamily } from './address-family.ts';
import { dnsHead, edsHead, originalDstHead } from './discovery.ts';
import { isPassthrough } from './load-balancer.ts';
import { policyBytes } from './policy-bytes.ts';
import { isHttp2 } from './port-protocol.ts';
import { portPolicy, subsetPolicy } from './traffic-policy.ts';
import type { LoadAssignment } from '../load-assignment.ts';
import type { Proxy } from '../proxy.ts';
import type { Policy } from './traffic-policy.ts';

type Rule = IstioObject<'DestinationRule'> | undefined;

/** How a cluster's hosts are found. */
type Finding = 'eds' | 'dns' | 'dns-round-robin' | 'original-dst';

/**
 * One Cluster per service port and per subset of the rule there. Endpoint changes never touch them, except in a DNS
 * service, whose clusters carry the names.
 * @param proxy who calls; undefined: a sidecar that tells nothing of itself
 */
export function outboundClusters(service: MeshService, rule: Rule, proxy: Proxy | undefined): readonly Resource[] {
  return service.ports.flatMap((port) => portClusters(service, port, rule, proxy));
}

function portClusters(service: MeshService, port: ServicePort, rule: Rule, proxy: Proxy | undefined): readonly Resource[] {
  const finding = findingOf(service, proxy);
  const isDns = finding === 'dns' || finding === 'dns-round-robin';
  const endpoints = isDns ? servingEndpoints(service, port.name) : [];
  // Istio has no cluster for a name without instances. One that is only out of service stays, so that it can come back.
  if (isDns && !service.endpoints.some(({ portName }) => portName === port.name)) return [];

  const one = (subset: Subset | undefined, policy: Policy | undefined, found: Finding): Resource | undefined => {
    const name = outboundName(service.host, port.number, subset?.name);
    const own = subset === undefined ? endpoints : endpoints.filter((endpoint) => hasLabels(endpoint, subset.labels));
    if (isDns && subset !== undefined && found !== 'original-dst' && own.length === 0) return undefined;
    const tail = policyBytes(rule, place(rule, port, subset), {
      policy,
      http2: isHttp2(port.protocol),
      originalDst: found === 'original-dst',
      sniDnat: false,
      alternativeNames: service.declared?.subjectAltNames ?? [],
    });
    return resource(name, joinParts([head(name, found, { service, port, own, policy, proxy }), tail]));
  };

  const policy = portPolicy(rule?.spec, port.number);
  const ownFinding = isPassthrough(policy?.loadBalancer) ? 'original-dst' : finding;
  const clusters = [one(undefined, policy, ownFinding)];
  for (const subset of rule?.spec.subsets ?? []) {
    const merged = rule === undefined ? undefined : subsetPolicy(rule.spec, subset, port.number);
    clusters.push(one(subset, merged, isPassthrough(merged?.loadBalancer) ? 'original-dst' : ownFinding));
  }
  return clusters.filter((cluster) => cluster !== undefined);
}

interface HeadInputs {
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly own: readonly Endpoint[];
  readonly policy: Policy | undefined;
  readonly proxy: Proxy | undefined;
}

function head(name: string, finding: Finding, { service, port, own, policy, proxy }: HeadInputs): Uint8Array {
  switch (finding) {
    case 'eds':
      return edsHead(name);
    case 'original-dst':
      return originalDstHead(name, service.resolution === 'none' ? port.targetPort : undefined);
    case 'dns':
      return dnsHead(name, 'all', addressFamily(proxy), seen(byLocality(service, own), policy, proxy));
    case 'dns-round-robin':
      // Envoy refuses a LOGICAL_DNS cluster of more than one name.
      return dnsHead(name, 'first', addressFamily(proxy), seen(byLocality(service, own.slice(0, 1)), policy, proxy));
    default:
      return finding satisfies never;
  }
}

function seen(plain: LoadAssignment, policy: Policy | undefined, proxy: Proxy | undefined): LoadAssignment {
  return proxy === undefined ? plain : seenFrom(proxy, plain, localityRule(policy));
}

function findingOf({ resolution }: MeshService, proxy: Proxy | undefined): Finding {
  switch (resolution) {
    case 'static':
      return 'eds';
    case 'dns':
    case 'dns-round-robin':
      return resolution;
    case 'none':
      // Nobody dials through a router: it has to be told.
      return proxy?.kind === 'router' ? 'eds' : 'original-dst';
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

/** From a Service, its EndpointSlices and their Pods to one `ServiceRecord`. Pure. */
import { parseMeshHost, serviceId } from '@isthmus/model';
import type { Diagnostic, Locality, ServiceKey, ServicePort, SourceId } from '@isthmus/model';
import { buildRecord } from '@isthmus/registry';
import type { RawInstance, RecordResult } from '@isthmus/registry';
import { localityOf } from './kept.ts';
import type { KeptEndpoint, KeptPod, KeptPort, KeptService, KeptSlice } from './kept.ts';
import { portProtocol } from './port-protocol.ts';

export interface RecordRules {
  readonly source: SourceId;
  readonly clusterDomain: string;
  readonly trustDomain: string;
  readonly clusterId: string;
}

export interface Surroundings {
  /** By `namespace/name`; undefined where Pods are not read, or it is not known yet. */
  pod(id: string): KeptPod | undefined;
  node(name: string): Locality | undefined;
}

export function keyOf(source: SourceId, { namespace, name }: Pick<KeptService, 'namespace' | 'name'>): ServiceKey {
  return { source, namespace, group: '', name };
}

/** Undefined when it has no endpoint and nothing is wrong with it: a service without instances is none, as in every registry. */
export function recordOf(
  service: KeptService,
  slices: Iterable<KeptSlice>,
  around: Surroundings,
  rules: RecordRules,
): RecordResult | undefined {
  const key = keyOf(rules.source, service);
  const diagnostics: Diagnostic[] = [];
  const ports = portsOf(service, serviceId(key), diagnostics);
  const all = [...slices];
  for (const { unreadable } of [service, ...all])
    if (unreadable !== undefined) diagnostics.push(misshapen(serviceId(key), unreadable));
  const instances =
    service.externalName === undefined ? instancesOf(service, all, ports, around, rules) : external(service, ports);
  if (service.externalName !== undefined && ports.size === 0) diagnostics.push(withoutPorts(serviceId(key)));
  const host = parseMeshHost(`${service.name}.${service.namespace}.svc.${rules.clusterDomain}`);
  const declared = [...ports.values()].sort((a, b) => a.number - b.number);
  const result = buildRecord(key, host, instances, {
    ports: declared,
    ...(service.clusterIP === undefined ? {} : { vip: service.clusterIP }),
    meshNamespace: service.namespace,
    ...(service.exportTo === undefined ? {} : { exportTo: service.exportTo }),
    diagnostics,
  });
  if ('rejected' in result) return result;
  if (result.record.endpoints.length > 0) return result;
  const [first] = result.record.diagnostics;
  return first === undefined ? undefined : { rejected: first };
}

/** Those that the mesh can carry, by the name that slices call them. */
function portsOf(service: KeptService, where: string, diagnostics: Diagnostic[]): ReadonlyMap<string, ServicePort> {
  const ports = new Map<string, ServicePort>();
  const taken = new Set<string>();
  const numbers = new Set<number>();
  for (const port of service.ports) {
    if (port.transport !== 'TCP') {
      diagnostics.push(otherTransport(where, port));
      continue;
    }
    if (!isPort(port.number)) {
      diagnostics.push(invalidPort(where, port));
      continue;
    }
    const { protocol, misunderstood } = portProtocol(port);
    if (misunderstood !== undefined) diagnostics.push(misunderstoodPort(where, port, misunderstood));
    const name = port.name === '' ? `${protocol}-${port.number}` : port.name;
    if (taken.has(name) || numbers.has(port.number)) continue; // the API server allows neither within TCP
    taken.add(name);
    numbers.add(port.number);
    ports.set(port.name, { number: port.number, name, protocol });
  }
  return ports;
}

/**
 * One per address and port. Slices may repeat an endpoint while it moves from one to another: the ready one counts (see
 * "Duplicate endpoints" in Kubernetes' docs). With two address families a Pod is in slices of both: those of the Service's first
 * family count, or every Pod would have two shares.
 */
function instancesOf(
  service: KeptService,
  all: readonly KeptSlice[],
  ports: ReadonlyMap<string, ServicePort>,
  around: Surroundings,
  rules: RecordRules,
): Iterable<RawInstance> {
  const ofFamily = all.filter(({ addressType }) => service.family === undefined || addressType === service.family);
  const instances = new Map<string, RawInstance>();
  for (const slice of ofFamily.length > 0 ? ofFamily : all) {
    for (const { name, number, transport } of slice.ports) {
      const port = transport === 'TCP' ? ports.get(name) : undefined;
      if (port === undefined) continue; // UDP, or a port that the Service does not have any more
      for (const endpoint of slice.endpoints) {
        const at = `${endpoint.address} ${number} ${port.name}`;
        const known = instances.get(at);
        if (known === undefined || (known.health !== 'healthy' && endpoint.ready)) {
          instances.set(at, instanceOf(service, endpoint, number, port, around, rules));
        }
      }
    }
  }
  return instances.values();
}

function instanceOf(
  service: KeptService,
  endpoint: KeptEndpoint,
  number: number,
  port: ServicePort,
  around: Surroundings,
  { clusterId, trustDomain }: RecordRules,
): RawInstance {
  const pod = endpoint.pod === '' ? undefined : around.pod(endpoint.pod);
  const labels = pod?.labels ?? {};
  // The Pod says that it ends some time before its slices do.
  const leaving = pod?.terminating === true && !service.publishNotReady;
  const node = around.node(endpoint.node === '' ? (pod?.node ?? '') : endpoint.node);
  return {
    instanceId: `${endpoint.pod === '' ? endpoint.address : endpoint.pod}:${number}`,
    address: endpoint.address,
    port: number,
    weight: 1,
    health: endpoint.ready && !leaving ? 'healthy' : 'unhealthy',
    metadata: labels,
    cluster: clusterId,
    locality: localityOf(labels, node, endpoint.zone),
    protocol: port.protocol,
    portName: port.name,
    network: labels['topology.istio.io/network'] ?? '',
    // An identity means mutual TLS to istiod, and only Pods with this label (the injector's) can do that.
    identity:
      pod !== undefined && labels['security.istio.io/tlsMode'] === 'istio'
        ? `spiffe://${trustDomain}/ns/${service.namespace}/sa/${pod.serviceAccount === '' ? 'default' : pod.serviceAccount}`
        : '',
  };
}

function* external(service: KeptService, ports: ReadonlyMap<string, ServicePort>): Generator<RawInstance> {
  for (const port of ports.values()) {
    const address = service.externalName?.replace(/\.$/, '');
    yield {
      instanceId: `${address}:${port.number}`,
      address,
      port: port.number,
      weight: 1,
      health: 'healthy',
      metadata: {},
      protocol: port.protocol,
      portName: port.name,
    };
  }
}

function misshapen(where: string, what: string): Diagnostic {
  return {
    code: 'answer.invalid',
    severity: 'error',
    where,
    what,
    meaning:
      'the object is not of the shape that the Kubernetes API gives it: what it said before counts on, if it said anything',
    remedy: 'see who wrote it, and what stands between the bridge and the API server',
  };
}

function otherTransport(where: string, { name, number, transport }: KeptPort): Diagnostic {
  return {
    code: 'port.unknown-protocol',
    severity: 'info',
    where,
    what: `port ${name === '' ? number : `${name} (${number})`} is ${transport}`,
    meaning: 'the port is left out: the mesh carries TCP only',
    remedy: 'reach it without the mesh',
  };
}

function misunderstoodPort(
  where: string,
  port: KeptPort,
  { field, text }: { readonly field: 'appProtocol' | 'name'; readonly text: string },
): Diagnostic {
  const remedy =
    field === 'name'
      ? 'write <protocol>-<anything> (http2-foo), or set appProtocol of the port'
      : 'use http, http2, grpc, grpc-web, https, tls, tcp, mongo, redis, mysql or kubernetes.io/h2c';
  return {
    code: 'port.unknown-protocol',
    severity: 'warning',
    where,
    what: `${field} "${text}" of port ${port.number} names no protocol that the mesh understands`,
    meaning: 'the port is treated as TCP',
    remedy,
  };
}

function isPort(number: unknown): boolean {
  return Number.isInteger(number) && Number(number) >= 1 && Number(number) <= 65_535;
}

function invalidPort(where: string, { number }: KeptPort): Diagnostic {
  return {
    code: 'port.invalid',
    severity: 'warning',
    where,
    what: `port ${String(number).slice(0, 100)} of the Service`,
    meaning: 'the port is left out: nobody could call it',
    remedy: 'give it a number from 1 to 65535',
  };
}

function withoutPorts(where: string): Diagnostic {
  return {
    code: 'port.invalid',
    severity: 'warning',
    where,
    what: 'a Service of type ExternalName without ports',
    meaning: 'the mesh does not know where to send requests, so the service is left out',
    remedy: 'list its ports in the Service',
  };
}

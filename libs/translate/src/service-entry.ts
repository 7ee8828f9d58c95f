import { create } from '@bufbuild/protobuf';
import { isFoundByCaller } from '@isthmus/model';
import { ServiceEntrySchema, ServiceEntry_Location, ServiceEntry_Resolution, WorkloadEntrySchema } from '@isthmus/proto/istio';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Diagnostic, Endpoint, Locality, MeshService, ServicePort } from '@isthmus/model';
import type { ServiceEntry } from '@isthmus/proto/istio';
import { endpointShards } from './endpoint-shards.ts';
import { exportTo } from './export-to.ts';
import { contentVersion } from './resource.ts';
import { endpointFault, serviceEntryFaults } from './service-entry-rules.ts';
import { servingEndpoints } from './serving-endpoints.ts';
import { meshWeight } from './weights.ts';

export interface BuiltServiceEntry {
  /** Kubernetes name: unique among the services of one mesh namespace. */
  readonly name: string;
  readonly spec: ServiceEntry;
}

export interface BuiltServiceEntries {
  readonly entries: readonly BuiltServiceEntry[];
  /** What was left out, and why. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * One ServiceEntry per port, all with the same host, which istiod merges: inside one ServiceEntry istiod sends the traffic
 * of every port to every endpoint (to the port's own number where the endpoint names none), so an HTTP instance
 * would get the Redis calls of its service. Several for a port with more endpoints than one may have (`endpointShards`).
 */
export function serviceEntries(service: MeshService): BuiltServiceEntries {
  const diagnostics: Diagnostic[] = [];
  const entries = [...builtServiceEntries(service, diagnostics)];
  return { entries, diagnostics };
}

/** `serviceEntries` one at a time: one of 4,096 endpoints takes some milliseconds. */
export function* builtServiceEntries(service: MeshService, diagnostics: Diagnostic[]): Generator<BuiltServiceEntry> {
  for (const [i, port] of service.ports.entries()) {
    const shards = endpointShards(acceptedEndpoints(service, port, diagnostics));
    const nameOf = (id: string): string =>
      objectName(
        [nameOfHost(service.host), ...(i === 0 ? [] : [nameOfPort(port)]), ...(id === '' ? [] : [`shard-${id}`])].join('.'),
      );
    for (const [n, { id, endpoints }] of shards.entries()) {
      const spec = build(service, port, endpoints);
      const faults = n === 0 ? serviceEntryFaults(spec) : []; // the endpoints are known to be good
      for (const what of faults) diagnostics.push(rejected(service, port, what));
      if (faults.length > 0) break;
      yield { name: nameOf(id), spec };
    }
  }
}

function rejected(service: MeshService, port: ServicePort, what: string): Diagnostic {
  return {
    code: 'translate.rejected',
    severity: 'error',
    where: `${service.host} ${port.name}`,
    what,
    meaning: 'Istio would refuse the ServiceEntry, so it is not sent; Envoys fed by Isthmus are not concerned',
    remedy: 'give the service another host (merge.hosts) or port (merge.ports)',
  };
}

/** Kubernetes takes 253 characters; a host alone may have as many. A part must not begin with the dash. */
function objectName(name: string): string {
  return name.length <= 253 ? name : `${name.slice(0, 236).replace(/[-.]+$/, '')}-${contentVersion(name)}`;
}

/** A name of an object has no `*`; the hash keeps `*.shop.example` apart from a host that is really called so. */
function nameOfHost(host: string): string {
  return host.startsWith('*') ? `any-${contentVersion(host).slice(0, 8)}${host.slice(1)}` : host;
}

/** Istio tells capitals in port names apart, names of objects have none. */
function nameOfPort({ name, number }: ServicePort): string {
  return /[A-Z]/.test(name) ? `${name.toLowerCase()}-${number}` : name;
}

function acceptedEndpoints(service: MeshService, port: ServicePort, diagnostics: Diagnostic[]): readonly Endpoint[] {
  return servingEndpoints(service, port.name).filter((endpoint) => {
    const fault = endpointFault(endpoint, service.resolution === 'static');
    if (fault !== undefined) {
      diagnostics.push({
        code: 'translate.rejected',
        severity: 'error',
        where: `${service.host} ${endpoint.instanceId}`,
        what: fault,
        meaning: 'istiod does not learn of the instance, because it would refuse the whole service with it',
        remedy: 'correct what the instance registers',
      });
    }
    return fault === undefined;
  });
}

const RESOLUTIONS = {
  none: ServiceEntry_Resolution.NONE,
  static: ServiceEntry_Resolution.STATIC,
  dns: ServiceEntry_Resolution.DNS,
  'dns-round-robin': ServiceEntry_Resolution.DNS_ROUND_ROBIN,
  'dynamic-dns': ServiceEntry_Resolution.DYNAMIC_DNS,
} as const;

function build(service: MeshService, port: ServicePort, endpoints: readonly Endpoint[]): ServiceEntry {
  return create(ServiceEntrySchema, {
    hosts: [service.host],
    addresses: service.vip === undefined || service.resolution === 'dynamic-dns' ? [] : [service.vip],
    ports: [{ number: port.number, name: port.name, protocol: port.protocol.toUpperCase() }],
    // Unset would mean MESH_EXTERNAL. Plaintext all the same: mTLS is used only towards endpoints that name a service account.
    location: service.declared?.external === true ? ServiceEntry_Location.MESH_EXTERNAL : ServiceEntry_Location.MESH_INTERNAL,
    resolution: RESOLUTIONS[service.resolution],
    endpoints: isFoundByCaller(service) ? [] : endpoints.map((endpoint) => workloadEntry(endpoint, port)),
    exportTo: exportTo(service),
  });
}

function workloadEntry(endpoint: Endpoint, port: ServicePort): MessageInitShape<typeof WorkloadEntrySchema> {
  return {
    address: endpoint.address,
    ports: { [port.name]: endpoint.port },
    weight: meshWeight(endpoint.weight),
    labels: sortedKeys(endpoint.labels),
    locality: localityText(endpoint.locality),
    network: endpoint.network,
    serviceAccount: endpoint.identity,
  };
}

/** A protobuf map is written in the order of its keys here, so that equal content gives equal bytes. */
function sortedKeys(labels: Readonly<Record<string, string>>): Record<string, string> {
  const sorted: Record<string, string> = {};
  for (const key of Object.keys(labels).sort()) sorted[key] = labels[key] as string;
  return sorted;
}

/** `region/zone/subzone`: a slash inside a part would move the others. */
function localityText({ region, zone, subzone }: Locality): string {
  const parts = [region, zone, subzone].map((part) => part.replaceAll('/', '-').toWellFormed());
  while (parts.at(-1) === '') parts.pop();
  return parts.join('/');
}

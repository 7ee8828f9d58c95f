import { create } from '@bufbuild/protobuf';
import { ServiceEntrySchema, ServiceEntry_Location, ServiceEntry_Resolution, WorkloadEntrySchema } from '@isthmus/proto/istio';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Diagnostic, Endpoint, Locality, MeshService, ServicePort } from '@isthmus/model';
import type { ServiceEntry } from '@isthmus/proto/istio';
import { contentVersion } from './resource.ts';
import { endpointFault, serviceEntryFaults } from './service-entry-rules.ts';
import { servingEndpoints } from './serving-endpoints.ts';
import { meshWeight } from './weights.ts';

/** Istio refuses a ServiceEntry with more. */
export const MOST_ENDPOINTS = 4096;

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
 * would get the Redis calls of its service.
 */
export function serviceEntries(service: MeshService): BuiltServiceEntries {
  const entries: BuiltServiceEntry[] = [];
  const diagnostics: Diagnostic[] = [];
  service.ports.forEach((port, i) => {
    const spec = build(service, port, diagnostics);
    const faults = serviceEntryFaults(spec);
    for (const what of faults) {
      diagnostics.push({
        code: 'translate.rejected',
        severity: 'error',
        where: `${service.host} ${port.name}`,
        what,
        meaning: 'Istio would refuse the ServiceEntry, so it is not sent; Envoys fed by Isthmus are not concerned',
        remedy: 'give the service another host (merge.hosts) or port (merge.ports)',
      });
    }
    if (faults.length === 0) entries.push({ name: objectName(i === 0 ? service.host : `${service.host}.${port.name}`), spec });
  });
  return { entries, diagnostics };
}

/** Kubernetes takes 253 characters; a host alone may have as many. */
function objectName(name: string): string {
  return name.length <= 253 ? name : `${name.slice(0, 236)}-${contentVersion(name)}`;
}

function build(service: MeshService, port: ServicePort, diagnostics: Diagnostic[]): ServiceEntry {
  const isStatic = service.resolution === 'static';
  const accepted = servingEndpoints(service, port.name).filter((endpoint) => {
    const fault = endpointFault(endpoint, isStatic);
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
  if (accepted.length > MOST_ENDPOINTS) {
    diagnostics.push({
      code: 'service.too-large',
      severity: 'error',
      where: `${service.host} ${port.name}`,
      what: `${accepted.length} endpoints, the most in a ServiceEntry is ${MOST_ENDPOINTS}`,
      meaning: `istiod learns of the first ${MOST_ENDPOINTS}, in the order of their addresses`,
      remedy: 'split the service, or let its callers use Envoys that Isthmus feeds itself, which have no such limit',
    });
  }
  return create(ServiceEntrySchema, {
    hosts: [service.host],
    addresses: service.vip === undefined ? [] : [service.vip],
    ports: [{ number: port.number, name: port.name, protocol: port.protocol.toUpperCase() }],
    // Unset would mean MESH_EXTERNAL. Plaintext all the same: mTLS is used only towards endpoints that name a service account.
    location: ServiceEntry_Location.MESH_INTERNAL,
    resolution: isStatic ? ServiceEntry_Resolution.STATIC : ServiceEntry_Resolution.DNS,
    endpoints: accepted.slice(0, MOST_ENDPOINTS).map((endpoint) => workloadEntry(endpoint, port)),
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

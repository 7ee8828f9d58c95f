import { ServiceEntry_Location, ServiceEntry_Resolution } from '@isthmus/proto/istio';
import type { ServiceEntry, WorkloadEntry } from '@isthmus/proto/istio';
import type { PlainServiceEntry, PlainWorkload } from '@isthmus/registry';

type Identity = Pick<PlainServiceEntry, 'namespace' | 'name' | 'createdAt' | 'annotations' | 'labels'>;

/** The spec as plain data; hosts in small letters. */
export function plainEntry(spec: ServiceEntry, identity: Identity): PlainServiceEntry {
  return {
    ...identity,
    hosts: spec.hosts.map((host) => host.toLowerCase()),
    addresses: spec.addresses,
    ports: spec.ports.map(({ number, name, protocol, targetPort }) => ({ number, name, protocol, targetPort })),
    resolution: resolutionOf(spec.resolution),
    external: spec.location === ServiceEntry_Location.MESH_EXTERNAL,
    subjectAltNames: spec.subjectAltNames,
    endpoints: spec.endpoints.map((endpoint) => plainWorkload(endpoint, '')),
    selector: spec.workloadSelector?.labels,
    exportTo: spec.exportTo,
  };
}

export function plainWorkload(spec: WorkloadEntry, name: string): PlainWorkload {
  const { address, ports, labels, network, locality, weight, serviceAccount } = spec;
  return { name, address, ports, labels, network, locality, weight, serviceAccount };
}

function resolutionOf(resolution: ServiceEntry_Resolution): PlainServiceEntry['resolution'] {
  switch (resolution) {
    case ServiceEntry_Resolution.STATIC:
      return 'static';
    case ServiceEntry_Resolution.DNS:
      return 'dns';
    case ServiceEntry_Resolution.DNS_ROUND_ROBIN:
      return 'dns-round-robin';
    case ServiceEntry_Resolution.DYNAMIC_DNS:
      return 'dynamic-dns';
    default:
      return 'none';
  }
}

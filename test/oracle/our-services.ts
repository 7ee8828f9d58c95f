import { Catalog, DEFAULT_GUARD, DEFAULT_RULES } from '@isthmus/catalog';
import { MemoryLedger } from '@isthmus/ledger';
import { isIP } from 'node:net';
import type { MeshService, Resolution, ServiceKey, SourceId } from '@isthmus/model';
import { ServiceEntry_Location, ServiceEntry_Resolution } from '@isthmus/proto/istio';
import type { IstioObject, WorkloadEntry } from '@isthmus/proto/istio';
import { selects, serviceEntryRecord } from '@isthmus/registry';
import type { PlainServiceEntry, PlainWorkload } from '@isthmus/registry';

/** The merged services of ServiceEntries and WorkloadEntries, by the line that every registry's take. */
export function servicesOf(objects: readonly IstioObject[]): readonly MeshService[] {
  const entries = objects.filter((object): object is IstioObject<'ServiceEntry'> => object.kind === 'ServiceEntry');
  const workloads = objects.filter((object): object is IstioObject<'WorkloadEntry'> => object.kind === 'WorkloadEntry');
  const catalog = new Catalog({
    rules: DEFAULT_RULES,
    guard: DEFAULT_GUARD,
    ledger: new MemoryLedger(),
    clock: { now: () => 0 },
    allocateVips: false,
  });
  const key = (name: string): ServiceKey => ({ source: 'files' as SourceId, namespace: '', group: '', name });
  const plain = entries.map(plainEntry);
  for (const host of new Set(plain.flatMap((entry) => entry.hosts))) {
    const ofHost = plain.filter((entry) => entry.hosts.includes(host));
    const result = serviceEntryRecord(key(host), ofHost, (entry) =>
      workloads
        .filter(({ namespace, spec }) => namespace === entry.namespace && selects(entry, spec.labels))
        .map(({ name, namespace, spec }) => plainWorkload(spec, `${namespace}/${name}`)),
    );
    const declaring = entries.find(({ spec }) => spec.hosts.includes(host));
    if ('record' in result)
      catalog.apply({
        kind: 'upsert',
        service: declaring === undefined ? result.record : { ...result.record, declared: declarationOf(declaring) },
      });
  }
  return [...catalog.hosts()].flatMap((host) => catalog.merged(host) ?? []);
}

function plainEntry({ namespace, name, createdAt, annotations, spec }: IstioObject<'ServiceEntry'>): PlainServiceEntry {
  return {
    namespace,
    name,
    createdAt,
    annotations,
    hosts: spec.hosts.map((host) => host.toLowerCase()),
    addresses: spec.addresses,
    ports: spec.ports,
    resolution: spec.resolution === ServiceEntry_Resolution.STATIC ? 'static' : resolutionOf(spec) === 'none' ? 'none' : 'dns',
    endpoints: spec.endpoints.map((endpoint) => plainWorkload(endpoint, '')),
    selector: spec.workloadSelector?.labels,
    exportTo: spec.exportTo,
  };
}

function plainWorkload(spec: WorkloadEntry, name: string): PlainWorkload {
  return { ...spec, name };
}

function declarationOf({ spec, createdAt, labels }: IstioObject<'ServiceEntry'>): NonNullable<MeshService['declared']> {
  return {
    resolution: resolutionOf(spec),
    addresses: spec.addresses.filter((address) => isIP(address.split('/')[0] ?? '') !== 0),
    external: spec.location === ServiceEntry_Location.MESH_EXTERNAL,
    createdAt,
    labels,
    subjectAltNames: spec.subjectAltNames,
  };
}

function resolutionOf({ resolution }: { readonly resolution: ServiceEntry_Resolution }): Resolution {
  switch (resolution) {
    case ServiceEntry_Resolution.STATIC:
      return 'static';
    case ServiceEntry_Resolution.DNS:
      return 'dns';
    case ServiceEntry_Resolution.DNS_ROUND_ROBIN:
      return 'dns-round-robin';
    default:
      return 'none';
  }
}

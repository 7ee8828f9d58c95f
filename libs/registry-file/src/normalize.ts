import type { ConfigProblem } from '@isthmus/config';
import { parseMeshHost } from '@isthmus/model';
import type { Diagnostic, ServiceKey, ServicePort, ServiceRecord, SourceId } from '@isthmus/model';
import { buildRecord, isTooFar, selects, serviceEntryRecord } from '@isthmus/registry';
import type { PlainServiceEntry, PlainWorkload, RawInstance, RecordResult } from '@isthmus/registry';
import type { Documents, Written } from './documents.ts';
import type { Service, ServiceEntryDocument, WorkloadEntryDocument } from './services-schema.ts';

export type ServicesResult =
  | { readonly records: readonly ServiceRecord[]; readonly diagnostics: readonly Diagnostic[] }
  | { readonly problems: readonly ConfigProblem[] };

/** Records of everything that a file says; problems where two places of it contradict each other. */
export function servicesOf(source: SourceId, { services, entries, workloads }: Documents): ServicesResult {
  const problems = [...services.flatMap((service) => [...portProblems(service)]), ...hostProblems(services, entries)];
  if (problems.length > 0) return { problems };
  const key = (name: string): ServiceKey => ({ source, namespace: '', group: '', name });
  const results: RecordResult[] = services.map(({ value }) => ownRecord(key(value.host.toLowerCase()), value));

  const plain = entries.map(({ value }) => plainEntry(value));
  const members = Map.groupBy(workloads, ({ value }) => value.metadata.namespace);
  const near = plain.filter((entry) => !isTooFar(entry));
  for (const host of new Set(near.flatMap((entry) => entry.hosts))) {
    const ofHost = near.filter((entry) => entry.hosts.includes(host));
    results.push(
      serviceEntryRecord(key(host), ofHost, (entry) =>
        (members.get(entry.namespace) ?? []).map(plainWorkload).filter(({ labels }) => selects(entry, labels)),
      ),
    );
  }
  return {
    records: results.flatMap((result) => ('record' in result ? [result.record] : [])),
    diagnostics: results.flatMap((result) => ('rejected' in result ? [result.rejected] : [])),
  };
}

function ownRecord(key: ServiceKey, service: Service): RecordResult {
  const ports: ServicePort[] = service.ports
    .map(({ number, protocol, name = `${protocol}-${number}` }) => ({ number, name, protocol }))
    .sort((a, b) => a.number - b.number);
  const { address, meshNamespace, exportTo } = service;
  return buildRecord(key, parseMeshHost(key.name), instancesOf(service, ports), {
    ports,
    ...(address === undefined ? {} : { vip: address }),
    ...(meshNamespace === undefined ? {} : { meshNamespace }),
    ...(exportTo === undefined ? {} : { exportTo }),
  });
}

function* instancesOf(service: Service, ports: readonly ServicePort[]): Generator<RawInstance> {
  for (const { address, port, ports: named = {}, weight, health, region, zone, subzone, labels, ...rest } of service.endpoints) {
    for (const declared of ports) {
      const target = named[declared.name] ?? (ports.length === 1 ? (port ?? declared.number) : undefined);
      if (target === undefined) continue; // it does not serve that one
      yield {
        instanceId: `${address}:${target}`,
        address,
        port: target,
        weight,
        health,
        metadata: labels,
        locality: { region, zone, subzone },
        protocol: declared.protocol,
        portName: declared.name,
        network: rest.network,
        identity: rest.serviceAccount,
      };
    }
  }
}

/** What a schema cannot say: which ports there are. */
function* portProblems({ value, yaml, path }: Written<Service>): Generator<ConfigProblem> {
  const names = value.ports.map(({ number, protocol, name = `${protocol}-${number}` }) => name);
  const at = (where: readonly (string | number)[], what: string, why: string, remedy: string): ConfigProblem => ({
    file: yaml.file,
    ...yaml.keyAt([...path, ...where]),
    what: `${value.host}: ${what}`,
    why,
    remedy,
  });
  for (const [i, { number }] of value.ports.entries()) {
    const isTwice = value.ports.findIndex((other) => other.number === number) < i || names.indexOf(names[i] ?? '') < i;
    if (isTwice)
      yield at(
        ['ports', i],
        `port ${number} (${names[i]}) is there twice`,
        'callers could not tell them apart',
        'give it another number and name',
      );
  }
  for (const [i, endpoint] of value.endpoints.entries()) {
    for (const name of Object.keys(endpoint.ports ?? {})) {
      if (!names.includes(name))
        yield at(
          ['endpoints', i, 'ports', name],
          `port ${JSON.stringify(name)} is none of the service`,
          'nobody would call it',
          `use ${names.join(', ')}`,
        );
    }
    if (endpoint.ports === undefined && value.ports.length > 1)
      yield at(
        ['endpoints', i],
        'the endpoint names no ports',
        'the service has several, so that `port` could mean any',
        `write \`ports: { ${names.join(': ..., ')}: ... }\``,
      );
    if (endpoint.ports !== undefined && endpoint.port !== undefined)
      yield at(
        ['endpoints', i, 'port'],
        'the endpoint has port and ports',
        'they could contradict each other',
        'keep one of the two',
      );
  }
}

/** ServiceEntries of one host are joined, as Istio does; anything else that is there twice is a mistake. */
function* hostProblems(
  services: readonly Written<Service>[],
  entries: readonly Written<ServiceEntryDocument>[],
): Generator<ConfigProblem> {
  const taken = new Set(entries.flatMap(({ value }) => value.spec.hosts.map((host) => host.toLowerCase())));
  for (const { value, yaml, path } of services) {
    const host = value.host.toLowerCase();
    if (taken.has(host)) {
      const why = 'a host is one service';
      yield {
        file: yaml.file,
        ...yaml.valueAt([...path, 'host']),
        what: `host ${value.host} is there twice`,
        why,
        remedy: 'join the two, or rename one',
      };
    }
    taken.add(host);
  }
}

const RESOLUTIONS = { STATIC: 'static', NONE: 'none', DNS: 'dns', DNS_ROUND_ROBIN: 'dns-round-robin' } as const;

function plainEntry({ metadata, spec }: ServiceEntryDocument): PlainServiceEntry {
  const created = Date.parse(metadata.creationTimestamp ?? '');
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    createdAt: Number.isNaN(created) ? 0 : created,
    annotations: metadata.annotations,
    hosts: spec.hosts.map((host) => host.toLowerCase()),
    addresses: spec.addresses,
    ports: spec.ports.map(({ targetPort = 0, ...port }) => ({ ...port, targetPort })),
    resolution: RESOLUTIONS[spec.resolution],
    external: spec.location === 'MESH_EXTERNAL',
    labels: metadata.labels,
    subjectAltNames: spec.subjectAltNames,
    endpoints: spec.endpoints.map((endpoint) => ({ ...endpoint, address: endpoint.address ?? '', name: '' })),
    selector: spec.workloadSelector?.labels,
    exportTo: spec.exportTo,
  };
}

function plainWorkload({ value: { metadata, spec } }: Written<WorkloadEntryDocument>): PlainWorkload {
  return { ...spec, address: spec.address ?? '', name: `${metadata.namespace}/${metadata.name}` };
}

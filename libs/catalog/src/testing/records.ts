import { NOWHERE, endpointKey, scopeOf, serviceId } from '@isthmus/model';
import type { Endpoint, MeshHost, ServiceRecord, SourceEvent, SourceId } from '@isthmus/model';

/** A healthy HTTP endpoint at 10.0.0.1; name what matters to the test. */
export function endpoint(fields: Partial<Endpoint> = {}): Endpoint {
  return {
    instanceId: 'i',
    address: '10.0.0.1',
    addressType: 'ip',
    port: 8080,
    protocol: 'http',
    weight: 1,
    health: 'healthy',
    locality: NOWHERE,
    labels: {},
    metadata: {},
    cluster: '',
    network: '',
    identity: '',
    ...fields,
  };
}

/** A record `<source>/ns/g/<name>` with the host `<name>.test`. */
export function record(name: string, endpoints: readonly Endpoint[], fields: { readonly source?: string } = {}): ServiceRecord {
  return {
    key: { source: (fields.source ?? 'a') as SourceId, namespace: 'ns', group: 'g', name },
    host: `${name}.test` as MeshHost,
    endpoints: [...endpoints].sort((a, b) => (endpointKey(a) < endpointKey(b) ? -1 : 1)),
    diagnostics: [],
  };
}

/** A service with an endpoint for each of the ports. */
export function service(name: string, ports: readonly number[]): ServiceRecord {
  return record(
    name,
    ports.map((port) => endpoint({ port })),
  );
}

export function upsert(record: ServiceRecord) {
  return { kind: 'upsert', service: record } as const;
}

/** A complete read of the scope of source `a`. */
export function snapshotOf(records: readonly ServiceRecord[]): SourceEvent {
  return {
    kind: 'snapshot',
    scope: scopeOf(record('any', []).key),
    services: new Map(records.map((r) => [serviceId(r.key), r])),
  };
}

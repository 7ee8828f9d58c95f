import { describe, expect, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import type { ServiceRecord } from '@isthmus/model';
import { isTooFar, selects, serviceEntryRecord } from './service-entry-record.ts';
import type { PlainServiceEntry, PlainWorkload } from './service-entry-record.ts';

const workload = (change: Partial<PlainWorkload> = {}): PlainWorkload => ({
  name: '',
  address: '10.0.0.1',
  ports: {},
  labels: {},
  network: '',
  locality: '',
  weight: 0,
  serviceAccount: '',
  ...change,
});
const entry = (change: Partial<PlainServiceEntry> = {}): PlainServiceEntry => ({
  namespace: 'legacy',
  name: 'billing',
  createdAt: 0,
  annotations: {},
  hosts: ['billing.mesh'],
  addresses: [],
  ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: 0 }],
  resolution: 'static',
  endpoints: [workload()],
  selector: undefined,
  exportTo: [],
  ...change,
});

function recordOf(entries: readonly PlainServiceEntry[], workloads: readonly PlainWorkload[] = []): ServiceRecord {
  const key = { source: parseSourceId('fixed'), namespace: '', group: '', name: entries[0]?.hosts[0] ?? '' };
  const result = serviceEntryRecord(key, entries, (one) => workloads.filter(({ labels }) => selects(one, labels)));
  if (!('record' in result)) throw new Error(result.rejected.what);
  return result.record;
}
const where = (record: ServiceRecord) => record.endpoints.map((e) => `${e.portName} ${e.address}:${e.port} ×${e.weight}`);

describe('a record made of ServiceEntries', () => {
  test('declares the ports, the first plain address, namespace and visibility of the entry', () => {
    const record = recordOf([entry({ addresses: ['240.0.0.0/16', '240.241.1.2'], exportTo: ['.', 'shop'] })]);
    expect(record).toMatchObject({ vip: '240.241.1.2', meshNamespace: 'legacy', exportTo: ['.', 'shop'] });
    expect(record.ports).toEqual([{ number: 80, name: 'http', protocol: 'http' }]);
    expect(recordOf([entry({ namespace: '' })])).not.toHaveProperty('meshNamespace');
  });

  test('has the target port that the endpoint names, else that of the entry, else the number of the port', () => {
    const ports = [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: 8080 }];
    const endpoints = [workload({ ports: { http: 9090 } }), workload({ address: '10.0.0.2' })];
    expect(where(recordOf([entry({ ports, endpoints })]))).toEqual(['http 10.0.0.1:9090 ×1', 'http 10.0.0.2:8080 ×1']);
    expect(where(recordOf([entry()]))).toEqual(['http 10.0.0.1:80 ×1']);
  });

  test('joins an entry per port and the shards of one host', () => {
    const grpc = [{ number: 81, name: 'grpc', protocol: 'GRPC', targetPort: 0 }];
    const record = recordOf([
      entry({ endpoints: [workload({ ports: { http: 8080 } })] }),
      entry({ name: 'billing-2', endpoints: [workload({ address: '10.0.0.2', ports: { http: 8080 } })] }),
      entry({ name: 'billing.grpc', ports: grpc, endpoints: [workload({ ports: { grpc: 8080 } })] }),
    ]);
    expect(record.ports?.map((port) => port.name)).toEqual(['http', 'grpc']);
    expect(where(record)).toEqual(['grpc 10.0.0.1:8080 ×1', 'http 10.0.0.1:8080 ×1', 'http 10.0.0.2:8080 ×1']);
    expect(record.diagnostics).toEqual([]);
  });

  test('does not depend on the order of the entries', () => {
    const entries = [
      entry({ name: 'a', createdAt: 2, addresses: ['240.0.0.1'] }),
      entry({ name: 'b', createdAt: 1, addresses: ['240.0.0.2'], endpoints: [workload({ address: '10.0.0.9' })] }),
    ];
    expect(recordOf(entries)).toEqual(recordOf(entries.toReversed()));
    expect(recordOf(entries).vip).toBe('240.0.0.2');
  });

  test('takes the endpoints from the WorkloadEntries that a selector selects, and none when it selects nothing', () => {
    const workloads = [workload({ labels: { app: 'billing' } }), workload({ address: '10.0.0.2', labels: { app: 'other' } })];
    expect(where(recordOf([entry({ endpoints: [], selector: { app: 'billing' } })], workloads))).toEqual(['http 10.0.0.1:80 ×1']);
    expect(where(recordOf([entry({ endpoints: [], selector: {} })], workloads))).toEqual([]);
  });

  test('dials the host itself where the entry is resolved by DNS and names no endpoint', () => {
    expect(where(recordOf([entry({ endpoints: [], resolution: 'dns' })]))).toEqual(['http billing.mesh:80 ×1']);
    expect(where(recordOf([entry({ endpoints: [], resolution: 'none' })]))).toEqual([]);
  });

  test('takes the weights of others as they are, and brings ours back from hundredths', () => {
    const endpoints = [workload({ weight: 50 }), workload({ address: '10.0.0.2' })];
    expect(where(recordOf([entry({ endpoints })]))).toEqual(['http 10.0.0.1:80 ×50', 'http 10.0.0.2:80 ×1']);
    const ours = recordOf([entry({ endpoints, annotations: { 'isthmus.dev/origins': 'shop/public/G/b,shop/public/G/a' } })]);
    expect(where(ours)).toEqual(['http 10.0.0.1:80 ×0.5', 'http 10.0.0.2:80 ×1']);
    expect(ours.origins).toEqual(['shop/public/G/a', 'shop/public/G/b']);
  });

  test('leaves out UDP and impossible ports, treats unknown protocols as TCP and says so', () => {
    const ports = [
      { number: 53, name: 'dns', protocol: 'UDP', targetPort: 0 },
      { number: 0, name: 'zero', protocol: 'TCP', targetPort: 0 },
      { number: 90, name: 'odd', protocol: 'QUIC', targetPort: 0 },
      { number: 91, name: 'grpc-web-x', protocol: '', targetPort: 0 },
    ];
    const record = recordOf([entry({ ports })]);
    expect(record.ports).toEqual([
      { number: 90, name: 'odd', protocol: 'tcp' },
      { number: 91, name: 'grpc-web-x', protocol: 'grpc-web' },
    ]);
    expect(record.diagnostics.map((d) => d.code).sort()).toEqual([
      'port.invalid',
      'port.unknown-protocol',
      'port.unknown-protocol',
    ]);
  });

  test('keeps the oldest namespace of a host that several have, and says so', () => {
    const record = recordOf([
      entry({ createdAt: 5 }),
      entry({ namespace: 'other', endpoints: [workload({ address: '10.9.9.9' })] }),
    ]);
    expect(where(record)).toEqual(['http 10.9.9.9:80 ×1']);
    expect(record.diagnostics.map((d) => d.code)).toEqual(['host.conflict']);
  });

  test('has locality, network and identity of the endpoint, whatever its labels say', () => {
    const labels = { zone: 'from-label', protocol: 'grpc' };
    const endpoints = [workload({ labels, locality: 'eu/a/b/c', network: 'vm', serviceAccount: 'billing' })];
    expect(recordOf([entry({ endpoints })]).endpoints[0]).toMatchObject({
      locality: { region: 'eu', zone: 'a', subzone: 'b/c' },
      network: 'vm',
      identity: 'billing',
      protocol: 'http',
      labels,
    });
  });

  test('without a DNS name is refused, not guessed', () => {
    expect(() => recordOf([entry({ hosts: ['a.*.example.com'] })])).toThrow('no DNS name');
  });

  test('may have a wildcard for all names below a domain', () => {
    expect(recordOf([entry({ hosts: ['*.example.com'], resolution: 'none', endpoints: [] })])).toMatchObject({
      host: '*.example.com',
      declared: { resolution: 'none' },
    });
  });

  test('goes by what callers name only below a wildcard: of one name, Istio waits for its endpoints', () => {
    const resolutionOf = (host: string) =>
      recordOf([entry({ hosts: [host], resolution: 'dynamic-dns', endpoints: [] })]).declared?.resolution;
    expect([resolutionOf('*.example.com'), resolutionOf('www.example.com')]).toEqual(['dynamic-dns', 'static']);
  });

  test('takes the locality of an endpoint from its label where it says none, dots for slashes', () => {
    const [endpoint] = entry().endpoints;
    const at = (locality: string, labels: Readonly<Record<string, string>>) =>
      recordOf([entry({ endpoints: [{ ...(endpoint as NonNullable<typeof endpoint>), locality, labels }] })]).endpoints[0]
        ?.locality;
    expect(at('', { 'istio-locality': 'eu.a.1' })).toEqual({ region: 'eu', zone: 'a', subzone: '1' });
    expect(at('', { 'istio-locality': 'us', 'topology.istio.io/locality': 'eu/a' })).toMatchObject({ region: 'eu', zone: 'a' });
    expect(at('eu/b', { 'istio-locality': 'eu.a' })).toMatchObject({ zone: 'b' });
  });

  test('declares what only a ServiceEntry says; of several the oldest decides', () => {
    const record = recordOf([
      entry({ createdAt: 2, resolution: 'dns', addresses: ['10.1.0.1'], subjectAltNames: ['b'] }),
      entry({
        name: 'first',
        createdAt: 1,
        resolution: 'static',
        external: true,
        labels: { a: 'b' },
        addresses: ['10.0.0.0/8', 'unix:///x'],
        subjectAltNames: ['a'],
      }),
    ]);
    expect(record.declared).toEqual({
      resolution: 'static',
      external: true,
      createdAt: 1,
      labels: { a: 'b' },
      addresses: ['10.0.0.0/8', '10.1.0.1'],
      subjectAltNames: ['a', 'b'],
    });
  });
});

test('what made a hop over another bridge already is too far', () => {
  expect(isTooFar(entry())).toBe(false);
  expect(isTooFar(entry({ annotations: { 'isthmus.dev/hops': '1' } }))).toBe(true);
});

import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { ServiceEntrySchema, ServiceEntry_Resolution } from '@isthmus/proto/istio';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ServiceEntry } from '@isthmus/proto/istio';
import { endpointFault, validateServiceEntry } from './service-entry-rules.ts';
import { serviceEntries } from './service-entry.ts';
import { meshService } from './testing/mesh-service.ts';
import { fittingWeights, meshWeight } from './weights.ts';

type Sketch = Exclude<MessageInitShape<typeof ServiceEntrySchema>, ServiceEntry>;

const GOOD: Sketch = {
  hosts: ['orders.nacos'],
  addresses: ['240.1.0.1'],
  ports: [{ name: 'http-80', number: 80, protocol: 'HTTP' }],
  resolution: ServiceEntry_Resolution.STATIC,
  endpoints: [{ address: '10.0.0.1', ports: { 'http-80': 8080 }, labels: { 'a.b/version': 'v1', empty: '' } }],
};

describe('a ServiceEntry', () => {
  test('that Istio accepts has no fault', () => {
    expect(validateServiceEntry(create(ServiceEntrySchema, GOOD), 'x')).toEqual([]);
  });

  test.each(['*.example.com', '*-eu.example.com', '*eu.example.com'])('may have the wildcard host %s', (host) => {
    expect(validateServiceEntry(create(ServiceEntrySchema, { ...GOOD, hosts: [host] }), 'x')).toEqual([]);
  });

  test.each<[string, Sketch]>([
    ['no host', { hosts: [] }],
    ['every host', { hosts: ['*'] }],
    ['DNS-1123', { hosts: ['a.*.com'] }],
    ['DNS-1123', { hosts: ['*_a.com'] }],
    ['DNS-1123', { hosts: ['**.com'] }],
    ['cannot be resolved', { hosts: ['*.a.com'], resolution: ServiceEntry_Resolution.DNS, endpoints: [] }],
    ['DNS-1123', { hosts: [`${'a.'.repeat(127)}a`] }],
    ['no IP', { addresses: ['a.b'] }],
    ['no port', { ports: [] }],
    ['goes by names', { hosts: ['*.a.com'], addresses: ['10.0.0.1'], resolution: ServiceEntry_Resolution.DYNAMIC_DNS }],
    [
      'name nobody',
      {
        hosts: ['*.a.com'],
        addresses: [],
        resolution: ServiceEntry_Resolution.DYNAMIC_DNS,
        ports: [{ name: 'mongo', number: 9000, protocol: 'MONGO' }],
      },
    ],
    [
      'the most is 256',
      { ports: Array.from({ length: 257 }, (_, i) => ({ name: `http-${i + 1}`, number: i + 1, protocol: 'HTTP' })) },
    ],
    [
      'used twice',
      {
        ports: [
          { name: 'http-80', number: 80, protocol: 'HTTP' },
          { name: 'http-80', number: 81, protocol: 'HTTP' },
        ],
      },
    ],
    [
      'used twice',
      {
        ports: [
          { name: 'http-80', number: 80, protocol: 'HTTP' },
          { name: 'http', number: 80, protocol: 'HTTP' },
        ],
      },
    ],
    ['no DNS label', { ports: [{ name: 'http_80', number: 80, protocol: 'HTTP' }], endpoints: [] }],
    ['not between', { ports: [{ name: 'http-80', number: 70_000, protocol: 'HTTP' }] }],
    ['unknown protocol', { ports: [{ name: 'http-80', number: 80, protocol: 'DUBBO' }] }],
    ['is no IP', { endpoints: [{ address: 'a.b', ports: { 'http-80': 1 } }] }],
    ['neither an IP', { resolution: ServiceEntry_Resolution.DNS, endpoints: [{ address: 'a b', ports: { 'http-80': 1 } }] }],
    ['none of the service', { endpoints: [{ address: '10.0.0.1', ports: { other: 1 } }] }],
    ['not between', { endpoints: [{ address: '10.0.0.1', ports: { 'http-80': 0 } }] }],
    ['a locality of', { endpoints: [{ address: '10.0.0.1', locality: 'x'.repeat(2049) }] }],
    ['a network of', { endpoints: [{ address: '10.0.0.1', network: 'x'.repeat(2049) }] }],
    ['a service account of', { endpoints: [{ address: '10.0.0.1', serviceAccount: 's'.repeat(254) }] }],
    ['no DNS label', { ports: [{ name: 'p'.repeat(63), number: 80, protocol: 'HTTP' }], endpoints: [] }],
    ['label name', { endpoints: [{ address: '10.0.0.1', labels: { 'a b': '' } }] }],
    ['label name', { endpoints: [{ address: '10.0.0.1', labels: { 'A_B/c': '' } }] }],
    ['has a value', { endpoints: [{ address: '10.0.0.1', labels: { a: 'b c' } }] }],
    [
      '257 labels',
      { endpoints: [{ address: '10.0.0.1', labels: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`l${i}`, ''])) }] },
    ],
  ])('is refused for: %s', (what, change) => {
    const found = validateServiceEntry(create(ServiceEntrySchema, { ...GOOD, ...change }), 'orders.nacos');
    expect(found.length).toBeGreaterThan(0);
    expect(found[0]).toMatchObject({ code: 'translate.rejected', where: 'orders.nacos', what: expect.stringContaining(what) });
  });
});

test('an instance with a name instead of an IP is a fault in a service of IPs only', () => {
  const endpoint = meshService({ host: 'a.nacos', endpoints: [{ address: 'vm-7.internal' }] }).endpoints[0]?.endpoint;
  if (endpoint === undefined) throw new Error('no endpoint');
  expect(endpointFault(endpoint, false)).toBeUndefined();
  expect(endpointFault(endpoint, true)).toContain('vm-7.internal');
});

test('names of objects are unique and never longer than Kubernetes allows', () => {
  const label = 'a'.repeat(60);
  const ports = [
    { number: 80, name: 'http-80', protocol: 'http' },
    { number: 9000, name: 'tcp-9000', protocol: 'tcp' },
    { number: 27_017, name: 'mongo-27017', protocol: 'mongo' },
  ] as const;
  const names = serviceEntries(meshService({ host: `${label}.${label}.${label}.${label}.nacos`, ports })).entries.map(
    (entry) => entry.name,
  );
  expect(new Set(names).size).toBe(3);
  for (const name of names) expect(name).toMatch(/^[a-z0-9][-a-z0-9.]{0,251}[a-z0-9]$/);
});

test('weights are hundredths, at least 1', () => {
  expect([1, 0.5, 2.345, 0.001, 10_000].map(meshWeight)).toEqual([100, 50, 235, 1, 1_000_000]);
});

test('weights whose sum Envoy would refuse shrink in proportion', () => {
  expect(fittingWeights([100, 300])).toEqual([100, 300]);
  const huge = fittingWeights([...Array.from({ length: 10_000 }, () => 1_000_000), 1]);
  expect(huge[0]).toBe(399_999);
  expect(huge.at(-1)).toBe(1);
  expect(huge.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(4_294_967_295);
});

import { describe, expect, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import type { ServiceKey, ServiceRecord } from '@isthmus/model';
import fc from 'fast-check';
import type { RawInstance } from './build-endpoint.ts';
import { buildRecord } from './build-record.ts';
import { meshHostName } from './mesh-host-name.ts';

const key: ServiceKey = { source: parseSourceId('shop'), namespace: 'public', group: 'G', name: 'orders' };
const host = meshHostName(['orders', 'G', 'public'], 'nacos');
const good: RawInstance = { instanceId: 'i1', address: '10.0.0.1', port: 80, weight: 1, health: 'healthy', metadata: {} };

function recordOf(instances: readonly RawInstance[]): ServiceRecord {
  const result = buildRecord(key, host, instances);
  if (!('record' in result)) throw new Error(`rejected: ${result.rejected.what}`);
  return result.record;
}
const build = (change: Partial<RawInstance>) => recordOf([{ ...good, ...change }]);
const codes = (record: ServiceRecord) => record.diagnostics.map((d) => d.code);

const anyInstance: fc.Arbitrary<RawInstance> = fc.record({
  instanceId: fc.string({ maxLength: 6 }),
  address: fc.oneof(fc.ipV4(), fc.constantFrom<unknown>('10.0.0.1', '10.0.0.2', 'db.test', '0.0.0.0', '', 7, null)),
  port: fc.oneof(fc.constantFrom<unknown>(80, '80', 0, 70_000, 'x'), fc.integer({ min: 1, max: 65_535 })),
  weight: fc.constantFrom<unknown>(1, 0, 0.5, -1, Number.NaN, 1e9, '1', undefined),
  health: fc.constantFrom('healthy' as const, 'unhealthy' as const, 'disabled' as const),
  metadata: fc.oneof(
    fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ maxLength: 5 })),
    fc.constantFrom<unknown>(null, [], 'x'),
  ),
});

describe('a record made of what a registry said', () => {
  test('does not depend on the order in which the registry lists instances', () => {
    fc.assert(
      fc.property(
        fc
          .uniqueArray(anyInstance, { maxLength: 12, selector: (instance) => instance.instanceId })
          .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, shuffled]) => {
          expect(recordOf(shuffled)).toEqual(recordOf(list));
        },
      ),
    );
  });

  test('holds only endpoints that can be dialled, whatever came in', () => {
    fc.assert(
      fc.property(fc.array(anyInstance, { maxLength: 12 }), (list) => {
        for (const endpoint of recordOf(list).endpoints) {
          expect(endpoint.port).toBeGreaterThanOrEqual(1);
          expect(endpoint.port).toBeLessThanOrEqual(65_535);
          expect(endpoint.weight).toBeGreaterThanOrEqual(0);
          expect(endpoint.weight).toBeLessThanOrEqual(10_000);
          expect(endpoint.address).not.toBe('');
        }
      }),
    );
  });

  test.each(['0.0.0.0', '255.255.255.255', '::', 'fe80::1%eth0', '10.0.0.256', '1.2.3', '', 'a b', 7, null])(
    'an instance with the address %p is left out and says so, its neighbour stays',
    (address) => {
      const record = recordOf([{ ...good, instanceId: 'bad', address }, good]);
      expect(record.endpoints.map((endpoint) => endpoint.address)).toEqual(['10.0.0.1']);
      expect(codes(record)).toEqual(['address.invalid']);
      expect(record.diagnostics[0]?.where).toBe('shop/public/G/orders bad');
    },
  );

  test.each([0, -1, 70_000, 1.5, 'x', '', null, undefined])('an instance with the port %p is left out and says so', (port) => {
    const record = build({ port });
    expect(record.endpoints).toEqual([]);
    expect(codes(record)).toEqual(['port.invalid']);
  });

  test('a host name becomes a DNS endpoint', () => {
    const record = build({ address: 'DB-1.Example.test' });
    expect(record.endpoints[0]).toMatchObject({ address: 'db-1.example.test', addressType: 'dns' });
    expect(codes(record)).toEqual(['address.hostname']);
  });

  test('two spellings of one IPv6 address are one endpoint', () => {
    const record = recordOf([
      { ...good, address: '2001:DB8::1' },
      { ...good, instanceId: 'i2', address: '2001:db8:0::0001' },
    ]);
    expect(record.endpoints.map((endpoint) => endpoint.address)).toEqual(['2001:db8::1']);
    expect(codes(record)).toEqual(['endpoint.duplicate']);
  });

  test.each([
    [-1, 0, 'weight.invalid'],
    [Number.NaN, 0, 'weight.invalid'],
    ['1', 0, 'weight.invalid'],
    [1e9, 10_000, 'weight.clamped'],
  ])('weight %p counts as %p and says %s', (weight, counted, code) => {
    const record = build({ weight });
    expect(record.endpoints[0]?.weight).toBe(counted);
    expect(codes(record)).toEqual([code]);
  });

  test.each([0, 0.5, 1, 10_000])('weight %p is kept as it is', (weight) => {
    expect(build({ weight }).endpoints[0]?.weight).toBe(weight);
    expect(build({ weight }).diagnostics).toEqual([]);
  });

  test('metadata of 100 kB costs the labels, not the endpoint', () => {
    const record = build({ metadata: { big: 'x'.repeat(100_000) } });
    expect(record.endpoints[0]).toMatchObject({ metadata: {}, labels: {} });
    expect(codes(record)).toEqual(['metadata.too-large']);
  });

  test('control characters and broken UTF-8 in metadata cost those entries only', () => {
    const record = build({ metadata: { ok: 'yes', bell: 'a\u0007', broken: 'a\ufffd' } });
    expect(record.endpoints[0]?.metadata).toEqual({ ok: 'yes' });
    expect(codes(record)).toEqual(['metadata.invalid']);
  });

  test('of two instances with one address the one that takes traffic wins', () => {
    const record = recordOf([
      { ...good, instanceId: 'a', health: 'unhealthy' },
      { ...good, instanceId: 'b' },
    ]);
    expect(record.endpoints.map((endpoint) => endpoint.instanceId)).toEqual(['b']);
    expect(codes(record)).toEqual(['endpoint.duplicate']);
  });

  test.each([
    ['tri', 'grpc', []],
    ['dubbo', 'tcp', []],
    ['HTTP2', 'http2', []],
    ['', 'http', []],
    ['smoke-signals', 'tcp', ['port.unknown-protocol']],
  ])('protocol %p is %s to the mesh', (protocol, expected, said) => {
    const record = build({ metadata: { protocol } });
    expect(record.endpoints[0]?.protocol).toBe(expected);
    expect(codes(record)).toEqual(said);
  });

  test('however many share an address, one problem says so, with a few of their names, in whatever order they came', () => {
    const sharing = (ids: string) => recordOf([...ids].map((instanceId) => ({ ...good, instanceId })));
    const what = (ids: string) => sharing(ids).diagnostics.map((each) => each.what);
    expect(what('bca')).toEqual(['instances a, b and c share the address 10.0.0.1:80']);
    expect(what('abc')).toEqual(what('cab'));
    expect(what('hgfedcba')).toEqual(['instances a, b, c, d, 3 others and h share the address 10.0.0.1:80']);
  });

  test('region, zone and subzone in the metadata are the locality, before the label and the registry’s own', () => {
    expect(build({ metadata: { zone: 'z1' } }).endpoints[0]?.locality).toEqual({ region: '', zone: 'z1', subzone: '' });
    expect(build({ metadata: { 'istio-locality': 'r.z.s' } }).endpoints[0]?.locality).toEqual({
      region: 'r',
      zone: 'z',
      subzone: 's',
    });
    const locality = { region: 'dc1', zone: '', subzone: '' };
    expect(build({ locality }).endpoints[0]?.locality).toEqual(locality);
  });

  test('a service no DNS name can be made of is rejected as a whole, with its name', () => {
    expect(buildRecord({ ...key, name: '***' }, meshHostName(['***'], 'nacos'), [good])).toMatchObject({
      rejected: { code: 'host.invalid', where: 'shop/public/G/***' },
    });
  });

  test('thousands of problems are said with a bound', () => {
    const bad = Array.from({ length: 500 }, (_, n) => ({ ...good, instanceId: `i${n}`, port: 0 }));
    expect(recordOf(bad).diagnostics).toHaveLength(51);
  });
});

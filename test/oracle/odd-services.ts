import fc from 'fast-check';
import { meshHostName } from '@isthmus/registry';
import type { DeclaredService, RawInstance } from '@isthmus/registry';
import type { ServiceKey, SourceId } from '@isthmus/model';

/** A service as some registry could list it, before anything of it is believed. */
export interface OddService {
  readonly key: ServiceKey;
  readonly host: ReturnType<typeof meshHostName>;
  readonly instances: readonly RawInstance[];
  /** What sources that know more say of it: Kubernetes, a file, another bridge. */
  readonly declared: DeclaredService;
}

const odd = fc.string({ unit: 'binary', maxLength: 40 });
const long = fc.integer({ min: 60, max: 300 }).map((length) => 'x'.repeat(length));
const name = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[a-z][-a-z0-9]{0,20}$/) },
  {
    weight: 3,
    arbitrary: fc.constantFrom('providers:com.acme.Cart:1.0:g', 'ORDERS_API', 'orders.v2', '10', 'a..b', '-a-', 'xn--p1ai'),
  },
  {
    weight: 1,
    arbitrary: fc.array(fc.stringMatching(/^[a-zA-Z0-9_]{1,63}$/), { minLength: 1, maxLength: 5 }).map((l) => l.join('.')),
  },
  { weight: 1, arbitrary: fc.oneof(odd, long) },
);
const address = fc.oneof(
  { weight: 8, arbitrary: fc.ipV4() },
  { weight: 2, arbitrary: fc.ipV6() },
  { weight: 1, arbitrary: fc.domain() },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'fe80::1%eth0',
      '::ffff:10.0.0.1',
      '::',
      '0.0.0.0',
      'vm-7.internal',
      'VM_7',
      '10.0.0.256',
      '',
      ' 10.0.0.7 ',
    ),
  },
  { weight: 1, arbitrary: odd },
);
const metadata = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  {
    weight: 4,
    arbitrary: fc.dictionary(
      fc.oneof(fc.constantFrom('version', 'app', 'acme.io/tier', 'a/b/c', '/x', 'x/', '_y', 'no label', 'Ä'), odd, long),
      fc.oneof(fc.constantFrom('v1', '', '-', 'v 1', 'a_b.c', '1.0.0+build'), odd, long),
      { maxKeys: 8 },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record(
      {
        protocol: fc.constantFrom(
          'grpc',
          'http2',
          'tcp',
          'dubbo',
          'tri',
          'redis',
          'HTTPS',
          'http2foo',
          'mysql',
          'mongo',
          'tls',
          'grpc-web',
        ),
        region: fc.oneof(
          fc.constantFrom('eu', 'a/b', ''),
          odd,
          fc.integer({ min: 2_000, max: 9_000 }).map((n) => 'r'.repeat(n)),
        ),
        zone: fc.oneof(fc.constantFrom('z1', ''), odd),
        subzone: odd,
        'istio-locality': odd,
      },
      { requiredKeys: [] },
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 200, max: 300 })
      .map((n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`l${i}`, `${i}`]))),
  },
  { weight: 1, arbitrary: fc.constantFrom(null, 'text', ['a'], { nested: { a: 1 } }) },
);
const instance: fc.Arbitrary<RawInstance> = fc.record(
  {
    instanceId: fc.oneof(fc.string({ maxLength: 12 }), odd),
    address,
    port: fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 1, max: 65_535 }) },
      fc.constantFrom(0, -1, 65_536, '8080', '', 1.5, Number.NaN, null),
    ),
    weight: fc.oneof(
      fc.constantFrom(1, 1, 1, 0.5, 0, 1e-9, 9_999, 1e300, -1, Number.NaN, '1'),
      fc.double({ min: 0, max: 10_000, noNaN: true }),
    ),
    health: fc.constantFrom('healthy' as const, 'healthy' as const, 'unhealthy' as const, 'disabled' as const),
    metadata,
    network: fc.oneof(
      fc.constantFrom('', 'net-1'),
      fc.integer({ min: 2_000, max: 2_100 }).map((n) => 'n'.repeat(n)),
    ),
    identity: fc.oneof(
      fc.constantFrom('', 'spiffe://cluster.local/ns/shop/sa/orders', 'orders'),
      fc.integer({ min: 240, max: 300 }).map((n) => 's'.repeat(n)),
    ),
  },
  { requiredKeys: ['instanceId', 'address', 'port', 'weight', 'health', 'metadata'] },
);
/** As many as Istio cannot take in one object, some on one address. */
const crowd: fc.Arbitrary<readonly RawInstance[]> = fc.integer({ min: 4_000, max: 5_000 }).map((count) =>
  Array.from({ length: count }, (_, n) => ({
    instanceId: `i${n}`,
    address: n % 7 === 0 ? '10.1.1.1' : `10.${n >> 12}.${(n >> 6) & 63}.${n & 63}`,
    port: 8_000 + n,
    weight: 1,
    health: 'healthy' as const,
    metadata: { version: `v${n % 3}`, zone: `z${n % 2}` },
  })),
);

const portName = fc.oneof(
  fc.constantFrom('http', 'grpc-web', 'HTTP', 'x', 'p'.repeat(62), 'p'.repeat(63)),
  fc.stringMatching(/^[a-z][-a-z0-9]{0,14}$/),
);
const declared: fc.Arbitrary<DeclaredService> = fc.record(
  {
    ports: fc.uniqueArray(
      fc.record({
        number: fc.integer({ min: 1, max: 65_535 }),
        name: portName,
        protocol: fc.constantFrom('http' as const, 'tcp' as const, 'grpc' as const, 'tls' as const),
      }),
      { minLength: 1, maxLength: 4, selector: ({ number }) => number },
    ),
    vip: fc.oneof(fc.ipV4(), fc.ipV6()),
    meshNamespace: fc.constantFrom('shop', 'isthmus', 'istio-system'),
    exportTo: fc.array(fc.constantFrom('*', '.', '~', 'shop', 'isthmus', 'web'), { maxLength: 4 }),
  },
  { requiredKeys: [] },
);

/** Everything odd that a registry may hold; one in a thousand is very large. */
export const oddService: fc.Arbitrary<OddService> = fc
  .record({
    name,
    group: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('DEFAULT_GROUP', '', 'g:1') }, odd),
    namespace: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('public', '', 'b7f9a1c0-7d39-4d0c-8c8e-3f1b') }, odd),
    instances: fc.oneof({ weight: 999, arbitrary: fc.array(instance, { maxLength: 8 }) }, { weight: 1, arbitrary: crowd }),
    declared: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: declared }),
  })
  .map(({ name: service, group, namespace, instances, declared: more }) => ({
    key: { source: 'shop' as SourceId, namespace, group, name: service },
    host: meshHostName([service, group, namespace], 'nacos'),
    instances,
    declared: more,
  }));

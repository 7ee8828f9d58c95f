import { fromBinary } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { ClusterSchema } from '@isthmus/proto/envoy';
import fc from 'fast-check';
import { clusterVariant, clustersOf } from './clusters.ts';
import { endpointVariant, endpointsOf } from './endpoints.ts';
import { meshService } from './testing/mesh-service.ts';
import { proxyOf, ruleOf } from './testing/sketches.ts';
import type { Resource } from '@isthmus/model';
import type { EndpointSketch } from './testing/mesh-service.ts';

const PORTS = [
  { number: 80, name: 'http-80', protocol: 'http' },
  { number: 81, name: 'grpc-81', protocol: 'grpc', targetPort: 8181 },
] as const;
const locality = fc.record({ region: fc.constantFrom('', 'eu', 'us'), zone: fc.constantFrom('', 'a', 'b') });
const endpoint: fc.Arbitrary<EndpointSketch> = fc.record({
  address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', 'a.example', 'b.example'),
  portName: fc.constantFrom('http-80', 'grpc-81'),
  weight: fc.constantFrom(0.5, 1, 3),
  health: fc.constantFrom('healthy' as const, 'healthy' as const, 'unhealthy' as const),
  locality,
  labels: fc.constantFrom({}, { version: 'v1' }, { version: 'v2', rack: 'r1' }),
});
const service = fc
  .record({
    host: fc.constant('orders.nacos'),
    ports: fc.constantFrom(PORTS, PORTS.slice(0, 1)),
    resolution: fc.constantFrom(
      'static' as const,
      'static' as const,
      'dns' as const,
      'dns-round-robin' as const,
      'none' as const,
    ),
    endpoints: fc.array(endpoint, { maxLength: 6 }),
  })
  .map(meshService);
const policies = [
  {},
  { outlierDetection: { consecutive5xxErrors: 7 } },
  { loadBalancer: { simple: 'PASSTHROUGH' } },
  { loadBalancer: { consistentHash: { useSourceIp: true } } },
  { loadBalancer: { localityLbSetting: { distribute: [{ from: 'eu/a', to: { 'eu/a': 70, 'eu/b': 30 } }] } } },
  {
    outlierDetection: {},
    loadBalancer: { localityLbSetting: { failover: [{ from: 'eu', to: 'us' }], failoverPriority: ['rack', 'version=v1'] } },
  },
  { loadBalancer: { zoneAwareLbSetting: { failoverPriority: ['topology.kubernetes.io/region'] } } },
  { portLevelSettings: [{ port: { number: 81 }, outlierDetection: {}, connectionPool: { http: { maxRetries: 1 } } }] },
];
const rule = fc
  .tuple(
    fc.constantFrom(...policies),
    fc.constantFrom(...policies),
    fc.constantFrom({}, { 'isthmus.dev/health-check': '{tcp: true}' }),
  )
  .map(([trafficPolicy, own, annotations]) =>
    ruleOf({ trafficPolicy, subsets: [{ name: 'v1', labels: { version: 'v1' }, trafficPolicy: own }] }, annotations),
  );
const proxy = fc
  .record({
    kind: fc.constantFrom('sidecar' as const, 'sidecar' as const, 'router' as const),
    grpc: fc.constantFrom(false, false, true),
    addresses: fc.constantFrom(['10.9.9.9'], ['fd00::9']),
    locality,
    labels: fc.constantFrom({}, { rack: 'r1' }, { app: 'web' }),
    namespace: fc.constantFrom('shop', 'web'),
  })
  .map(proxyOf);

const maybeRule = fc.option(rule, { nil: undefined });

test('proxies whose variants are equal see the same clusters and load assignments, byte for byte', () => {
  let shared = 0;
  fc.assert(
    fc.property(service, maybeRule, proxy, proxy, (one, applied, a, b) => {
      if (clusterVariant(one, applied, a) === clusterVariant(one, applied, b)) {
        expect(text(clustersOf(one, applied, a))).toBe(text(clustersOf(one, applied, b)));
        shared += 1;
      }
      if (endpointVariant(one, applied, a) === endpointVariant(one, applied, b))
        expect(text(endpointsOf(one, applied, a))).toBe(text(endpointsOf(one, applied, b)));
    }),
    { numRuns: 500 },
  );
  expect(shared).toBeGreaterThan(50);
});

test('without a rule all sidecars and routers share the endpoints of a service', () => {
  const one = meshService({ host: 'orders.nacos', endpoints: [{ address: '10.0.0.1' }] });
  const proxies = [proxyOf({ labels: { app: 'web' } }), proxyOf({ kind: 'router' }), proxyOf({ grpc: true })];
  expect(new Set(proxies.map((who) => endpointVariant(one, undefined, who)))).toEqual(new Set(['']));
});

test('the order of endpoints and of a rule’s targets changes nothing', () => {
  fc.assert(
    fc.property(service, maybeRule, proxy, fc.infiniteStream(fc.nat()), (one, applied, who, random) => {
      const shuffled = one.endpoints
        .map((member) => [random.next().value as number, member] as const)
        .sort(([a], [b]) => a - b)
        .map(([, member]) => member);
      const other = { ...one, endpoints: shuffled };
      expect(text(endpointsOf(other, applied, who))).toBe(text(endpointsOf(one, applied, who)));
      expect(text(clustersOf(other, applied, who))).toBe(text(clustersOf(one, applied, who)));
    }),
  );
});

test('load assignments are made for the clusters that ask for them, and for no other', () => {
  fc.assert(
    fc.property(service, maybeRule, proxy, (one, applied, who) => {
      fc.pre(!who.grpc);
      const asking = clustersOf(one, applied, who).filter(
        ({ bytes }) => fromBinary(ClusterSchema, bytes).edsClusterConfig !== undefined,
      );
      expect(endpointsOf(one, applied, who).map(({ name }) => name)).toEqual(asking.map(({ name }) => name));
    }),
  );
});

function text(resources: readonly Resource[]): string {
  return resources.map(({ name, version, bytes }) => `${name} ${version} ${Buffer.from(bytes).toString('hex')}`).join('\n');
}

import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { ClusterSchema } from '@isthmus/proto/envoy';
import fc from 'fast-check';
import { clustersOf } from './clusters.ts';
import { endpointsOf } from './endpoints.ts';
import { ServiceResources } from './service-resources.ts';
import { meshService } from './testing/mesh-service.ts';
import { proxyOf, ruleOf } from './testing/sketches.ts';
import type { MeshService, Resource } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
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

type Rule = IstioObject<'DestinationRule'> | undefined;
const maybeRule = fc.option(rule, { nil: undefined });
const scope = (who: ReturnType<typeof proxyOf>, applied: Rule) => ({ proxy: who, destinationRule: () => applied, gateways: [] });

describe('what is remembered', () => {
  test('is what each proxy would have been given from nothing, whatever was asked before', () => {
    fc.assert(
      fc.property(
        fc.array(service, { minLength: 1, maxLength: 3 }),
        fc.array(maybeRule, { minLength: 1, maxLength: 2 }),
        fc.array(proxy, { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { minLength: 1, maxLength: 12 }),
        (services, rules, proxies, questions) => {
          const remembered = new ServiceResources();
          for (const [s, r, p] of questions) {
            const one = services[s % services.length] as MeshService;
            const applied = rules[r % rules.length];
            const who = proxies[p % proxies.length] as ReturnType<typeof proxyOf>;
            expect(text(remembered.clusters(scope(who, applied), one))).toBe(text(clustersOf(one, applied, who)));
            expect(text(remembered.endpoints(scope(who, applied), one))).toBe(text(endpointsOf(one, applied, who)));
          }
        },
      ),
    );
  });

  test('is shared by all proxies that see the same, and clusters outlive a change of endpoints', () => {
    const remembered = new ServiceResources();
    const [web, desk] = [scope(proxyOf({ labels: { app: 'web' } }), undefined), scope(proxyOf({ kind: 'router' }), undefined)];
    const before = meshService({ host: 'orders.nacos', endpoints: [{ address: '10.0.0.1' }] });
    const after = meshService({ host: 'orders.nacos', endpoints: [{ address: '10.0.0.2' }] });
    const clusters = remembered.clusters(web, before);
    const endpoints = remembered.endpoints(web, before);
    expect(remembered.endpoints(desk, before)).toBe(endpoints);
    expect(remembered.clusters(desk, before)).toBe(clusters);
    expect(remembered.clusters(web, after)).toBe(clusters);
    expect(text(remembered.endpoints(web, after))).not.toBe(text(endpoints));
  });

  test('keeps apart groups that a Sidecar lets see other ports of one service', () => {
    const remembered = new ServiceResources();
    const whole = meshService({ host: 'orders.nacos', ports: PORTS, endpoints: [{ address: '10.0.0.1' }] });
    const part = { ...whole, ports: whole.ports.slice(0, 1) };
    const web = scope(proxyOf(), undefined);
    const clusters = remembered.clusters(web, whole);
    expect(remembered.clusters(web, part).map(({ name }) => name)).toEqual(['outbound|80||orders.nacos']);
    expect(remembered.clusters(web, whole)).toBe(clusters);
  });
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

import { fromBinary } from '@bufbuild/protobuf';
import { ClusterLoadAssignmentSchema, ClusterSchema, HealthStatus } from '@isthmus/proto/envoy';
import type { ClusterLoadAssignment } from '@isthmus/proto/envoy';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { clustersOf } from './clusters.ts';
import { endpointVariant, endpointsOf } from './endpoints.ts';
import { serviceEntryResources } from './service-entry-resource.ts';
import { meshService } from './testing/mesh-service.ts';
import { proxyOf, ruleOf } from './testing/sketches.ts';
import type { EndpointSketch } from './testing/mesh-service.ts';
import type { MeshService, Resource } from '@isthmus/model';

const SEND = { unhealthy: 'send' } as const;
const LEAVE_OUT = { unhealthy: 'leaveOut' } as const;

const endpoint: fc.Arbitrary<EndpointSketch> = fc.record({
  address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', 'a.example'),
  weight: fc.constantFrom(0, 0.5, 1, 1, 3),
  health: fc.constantFrom('healthy' as const, 'healthy' as const, 'unhealthy' as const, 'disabled' as const, 'evicted' as const),
  locality: fc.record({ region: fc.constantFrom('eu', 'us'), zone: fc.constantFrom('a', 'b') }),
  labels: fc.constantFrom({ version: 'v1' }, { version: 'v2' }),
});
const service = fc
  .record({
    host: fc.constant('orders.dc1.consul'),
    resolution: fc.constantFrom('static' as const, 'static' as const, 'dns' as const, 'dns-round-robin' as const),
    endpoints: fc.array(endpoint, { maxLength: 8 }),
  })
  .map(meshService);
const outlier = fc.constantFrom(undefined, {}, { minHealthPercent: 0 }, { minHealthPercent: 40 });
const rule = fc.option(
  fc.tuple(outlier, outlier).map(([all, own]) => {
    const policy = (outlierDetection: typeof all) =>
      outlierDetection === undefined ? {} : { trafficPolicy: { outlierDetection } };
    return ruleOf({ ...policy(all), subsets: [{ name: 'v1', labels: { version: 'v1' }, ...policy(own) }] });
  }),
  { nil: undefined },
);
const proxy = fc
  .record({ grpc: fc.constantFrom(false, false, true), locality: fc.constantFrom({}, { region: 'eu', zone: 'a' }) })
  .map(proxyOf);

test('left out, unhealthy instances change no byte of clusters and endpoints', () => {
  fc.assert(
    fc.property(service, rule, proxy, (one, applied, who) => {
      const without = { ...one, endpoints: one.endpoints.map(asDisabled) };
      for (const mesh of [LEAVE_OUT, {}, undefined]) {
        expect(text(endpointsOf(one, applied, who, mesh))).toBe(text(endpointsOf(without, applied, who)));
        expect(text(clustersOf(one, applied, who, mesh))).toBe(text(clustersOf(without, applied, who)));
      }
    }),
  );
});

test('sent, they are beside the others, which keep their order and weights; disabled, evicted and weightless ones are not', () => {
  let sent = 0;
  fc.assert(
    fc.property(service, rule, proxy, (one, applied, who) => {
      const told = endpointsOf(one, applied, who, SEND).map(assignment);
      const before = endpointsOf(one, applied, who, LEAVE_OUT).map(assignment);
      expect(told.map(healthyOf)).toEqual(before.map(healthyOf));
      const known = new Set(
        one.endpoints.filter((e) => e.endpoint.health === 'unhealthy' && e.endpoint.weight > 0).map(addressOf),
      );
      for (const address of told.flatMap(unhealthyOf)) {
        expect(known).toContain(address);
        sent += 1;
      }
    }),
    { numRuns: 500 },
  );
  expect(sent).toBeGreaterThan(10); // 57 to 92 in eight runs
});

test('no cluster that may panic, and no gRPC client, hears of any', () => {
  let looked = 0;
  fc.assert(
    fc.property(service, rule, proxy, (one, applied, who) => {
      const clusters = clustersOf(one, applied, who, SEND).map(({ bytes }) => fromBinary(ClusterSchema, bytes));
      const told = new Map(endpointsOf(one, applied, who, SEND).map((each) => [each.name, assignment(each)]));
      for (const { name, commonLbConfig, loadAssignment } of clusters) {
        const of = loadAssignment ?? told.get(name);
        if (of === undefined || unhealthyOf(of).length === 0) continue;
        expect(who.grpc).toBe(false);
        expect(commonLbConfig?.healthyPanicThreshold?.value).toBe(0);
        looked += 1;
      }
    }),
    { numRuns: 500 },
  );
  expect(looked).toBeGreaterThan(20); // 81 to 97 in eight runs
});

test('proxies that share a variant share the bytes, and istiod hears nothing', () => {
  fc.assert(
    fc.property(service, rule, proxy, proxy, (one, applied, a, b) => {
      if (endpointVariant(one, applied, a, SEND) !== endpointVariant(one, applied, b, SEND)) return;
      expect(text(endpointsOf(one, applied, a, SEND))).toBe(text(endpointsOf(one, applied, b, SEND)));
    }),
  );
  fc.assert(
    fc.property(service, (one) => {
      const without = { ...one, endpoints: one.endpoints.map(asDisabled) };
      expect(text(serviceEntryResources(one).resources)).toBe(text(serviceEntryResources(without).resources));
    }),
  );
});

test('where two registries list an address, the one that calls it healthy is believed', () => {
  const one = meshService({
    host: 'orders.dc1.consul',
    endpoints: [
      { address: '10.0.0.1', health: 'unhealthy', weight: 9 },
      { address: '10.0.0.1', weight: 1 },
    ],
  });
  const [only] = endpointsOf(one, undefined, proxyOf(), SEND).map(assignment);
  expect(only && [healthyOf(only), unhealthyOf(only)]).toEqual([['10.0.0.1 100'], []]);
});

function asDisabled(each: MeshService['endpoints'][number]): MeshService['endpoints'][number] {
  return each.endpoint.health === 'unhealthy' ? { ...each, endpoint: { ...each.endpoint, health: 'disabled' } } : each;
}

function assignment({ bytes }: Resource): ClusterLoadAssignment {
  return fromBinary(ClusterLoadAssignmentSchema, bytes);
}

function addressOf({ endpoint: { address } }: MeshService['endpoints'][number]): string {
  return address;
}

/** Address and weight of each, in their order. */
function healthyOf(one: ClusterLoadAssignment): readonly string[] {
  return members(one).flatMap(({ healthStatus, text: line }) => (healthStatus === HealthStatus.UNKNOWN ? [line] : []));
}

function unhealthyOf(one: ClusterLoadAssignment): readonly string[] {
  return members(one).flatMap(({ healthStatus, address }) => (healthStatus === HealthStatus.UNHEALTHY ? [address] : []));
}

function members({ endpoints }: ClusterLoadAssignment) {
  return endpoints.flatMap(({ lbEndpoints }) =>
    lbEndpoints.map(({ healthStatus, loadBalancingWeight, hostIdentifier }) => {
      const place = hostIdentifier.case === 'endpoint' ? hostIdentifier.value.address?.address : undefined;
      const address = place?.case === 'socketAddress' ? place.value.address : '';
      return { healthStatus, address, text: `${address} ${loadBalancingWeight}` };
    }),
  );
}

function text(resources: readonly Resource[]): string {
  return resources.map(({ name, version, bytes }) => `${name} ${version} ${Buffer.from(bytes).toString('hex')}`).join('\n');
}

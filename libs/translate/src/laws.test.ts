import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from '@jest/globals';
import { ClusterLoadAssignmentSchema } from '@isthmus/proto/envoy';
import { ResourceSchema, ServiceEntrySchema } from '@isthmus/proto/istio';
import { takesTraffic } from '@isthmus/model';
import fc from 'fast-check';
import { clusterResources } from './clusters.ts';
import { endpointResources } from './endpoints.ts';
import { EGRESS_ROUTE } from './names.ts';
import { composeRoute } from './route.ts';
import { validateServiceEntry } from './service-entry-rules.ts';
import { serviceEntryResources } from './service-entry-resource.ts';
import { meshService } from './testing/mesh-service.ts';
import { virtualHosts } from './virtual-hosts.ts';
import type { MeshService } from '@isthmus/model';
import type { EndpointSketch } from './testing/mesh-service.ts';

const PORTS = [
  { number: 80, name: 'http-80', protocol: 'http' },
  { number: 8081, name: 'grpc-8081', protocol: 'grpc' },
] as const;
/** As fast-check's unit `binary`, which first makes a map of all 1.1 million of them. */
const codePoint = fc.integer({ min: 0, max: 0x10_f7ff }).map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800));
const endpoint: fc.Arbitrary<EndpointSketch> = fc.record({
  address: fc.oneof(
    { weight: 5, arbitrary: fc.ipV4() },
    { weight: 1, arbitrary: fc.constantFrom('10.0.0.1', '10.0.0.2', 'fd00::1', 'a.internal', '') },
  ),
  port: fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom(8080, 0, 70_000)),
  portName: fc.constantFrom('http-80', 'grpc-8081'),
  weight: fc.oneof(fc.double({ min: 0, max: 10_000, noNaN: true }), fc.constantFrom(0, 0.5, 1, 1, 1, 1e-9)),
  health: fc.constantFrom('healthy' as const, 'healthy' as const, 'unhealthy' as const, 'disabled' as const),
  locality: fc.record({
    region: fc.string({ maxLength: 3 }),
    zone: fc.constantFrom('', 'z1', 'z2'),
    subzone: fc.string({ unit: codePoint, maxLength: 3 }),
  }),
  labels: fc.dictionary(
    fc.constantFrom('version', 'app', 'a/b', 'no label', 'x'.repeat(64)),
    fc.constantFrom('v1', '', 'not valid', 'y'.repeat(64)),
  ),
});
const service = fc
  .record({
    host: fc.constantFrom('orders.nacos', 'payments.eureka', 'under_score.nacos'),
    resolution: fc.constantFrom('static' as const, 'dns' as const),
    endpoints: fc.array(endpoint, { maxLength: 12 }),
  })
  .map((sketch) => meshService({ ...sketch, ports: PORTS }));

describe('whatever a service is', () => {
  test('the order of its endpoints changes nothing', () => {
    fc.assert(
      fc.property(service, fc.array(fc.nat(), { minLength: 12, maxLength: 12 }), (one, random) => {
        const shuffled = one.endpoints
          .map((member, i) => [random[i] ?? 0, member] as const)
          .sort(([a], [b]) => a - b)
          .map(([, member]) => member);
        expect(everything({ ...one, endpoints: shuffled })).toBe(everything(one));
      }),
    );
  });

  test('equal content gives equal versions, and another content another version', () => {
    fc.assert(
      fc.property(service, service, (one, two) => {
        const copy = structuredClone(one);
        expect(everything(copy)).toBe(everything(one));
        for (const [i, resource] of serviceEntryResources(one).resources.entries()) {
          const other = serviceEntryResources(two).resources[i];
          if (other !== undefined && !Buffer.from(other.bytes).equals(Buffer.from(resource.bytes)))
            expect(other.version).not.toBe(resource.version);
        }
      }),
    );
  });

  test('only instances that take traffic are in its load assignments, each once, with weights that Envoy accepts', () => {
    fc.assert(
      fc.property(service, (one) => {
        for (const { bytes } of endpointResources(one)) {
          const { endpoints } = fromBinary(ClusterLoadAssignmentSchema, bytes);
          const addresses = endpoints.flatMap((group) => group.lbEndpoints.map((e) => socketAddress(e.hostIdentifier.value)));
          const serving = new Set(
            one.endpoints.filter((m) => takesTraffic(m.endpoint)).map((m) => `${m.endpoint.address} ${m.endpoint.port}`),
          );
          expect(new Set(addresses).size).toBe(addresses.length);
          for (const address of addresses) expect(serving).toContain(address);
          const weights = endpoints.flatMap((group) => group.lbEndpoints.map((e) => e.loadBalancingWeight ?? 0));
          expect(Math.min(1, ...weights)).toBe(1);
          expect(endpoints.reduce((sum, group) => sum + (group.loadBalancingWeight ?? 0), 0)).toBe(
            weights.reduce((a, b) => a + b, 0),
          );
        }
      }),
    );
  });

  test('what istiod gets of it passes the rules of Istio', () => {
    fc.assert(
      fc.property(service, (one) => {
        for (const { bytes } of serviceEntryResources(one).resources) {
          const { body } = fromBinary(ResourceSchema, bytes);
          const entry = body === undefined ? undefined : anyUnpack(body, ServiceEntrySchema);
          expect(entry === undefined ? 'no entry' : validateServiceEntry(entry, 'x')).toEqual([]);
        }
      }),
    );
  });
});

test('a route is the same in whatever order its hosts come, and has each host once', () => {
  const hosts = ['c.nacos', 'a.nacos', 'b.nacos'].flatMap((host) => virtualHosts(meshService({ host })));
  const [first] = hosts;
  if (first === undefined) throw new Error('no virtual host');
  expect(composeRoute(EGRESS_ROUTE, [...hosts, first].reverse())).toEqual(composeRoute(EGRESS_ROUTE, hosts));
  expect(composeRoute(EGRESS_ROUTE, hosts.slice(1)).version).not.toBe(composeRoute(EGRESS_ROUTE, hosts).version);
});

/** All outputs as one text: names, versions and bytes. */
function everything(one: MeshService): string {
  const { resources, diagnostics } = serviceEntryResources(one);
  const hosts = virtualHosts(one).map(({ name, version, parts }) => ({ name, version, bytes: Buffer.concat(parts) }));
  const all = [...clusterResources(one), ...endpointResources(one), ...hosts, ...resources];
  const lines = all.map(({ name, version, bytes }) => `${name} ${version} ${Buffer.from(bytes).toString('hex')}`);
  return [...lines, JSON.stringify(diagnostics)].join('\n');
}

function socketAddress(value: unknown): string {
  const { address } = value as { address: { address: { value: { address: string; portSpecifier: { value: number } } } } };
  return `${address.address.value.address} ${address.address.value.portSpecifier.value}`;
}

import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { ClusterLoadAssignmentSchema, HealthStatus } from '@isthmus/proto/envoy';
import fc from 'fast-check';
import { encodeLoadAssignment } from './encode-load-assignment.ts';
import { meshService } from './testing/mesh-service.ts';
import type { LoadAssignment } from './load-assignment.ts';

const uint32 = fc.oneof(
  fc.integer({ min: 1, max: 4_294_967_295 }),
  fc.constantFrom(1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455, 268_435_456, 4_294_967_295),
);
const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.constantFrom('', 'ü'.repeat(64)),
);
const member = fc.record({
  endpoint: fc
    .record({
      address: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
      port: fc.integer({ min: 1, max: 65_535 }),
      health: fc.constantFrom('healthy' as const, 'unhealthy' as const),
    })
    .map((sketch) => meshService({ host: 'a', endpoints: [sketch] }).endpoints[0]?.endpoint as never),
  weight: uint32,
});
const assignment: fc.Arbitrary<LoadAssignment> = fc.record({
  localities: fc.array(
    fc.record({
      locality: fc.record({ region: text, zone: text, subzone: text }),
      weight: fc.oneof(uint32, fc.constant(0)),
      members: fc.array(member, { maxLength: 12 }),
      priority: fc.oneof(fc.nat(5), fc.nat(200)),
    }),
    { maxLength: 4 },
  ),
});

test('gives the bytes that protobuf-es gives', () => {
  fc.assert(
    fc.property(text, assignment, (name, value) => {
      expect(Buffer.from(encodeLoadAssignment(name === '' ? 'x' : name, value))).toEqual(
        Buffer.from(byProtobufEs(name === '' ? 'x' : name, value)),
      );
    }),
    { numRuns: 300 },
  );
});

test('turns a lone surrogate, which is no UTF-8, into the replacement character', () => {
  const lone: LoadAssignment = {
    localities: [{ locality: { region: 'a\ud800', zone: '', subzone: '' }, weight: 1, members: [] }],
  };
  expect(Buffer.from(encodeLoadAssignment('x', lone)).toString()).toContain('a\ufffd');
});

function byProtobufEs(clusterName: string, { localities }: LoadAssignment): Uint8Array {
  return toBinary(
    ClusterLoadAssignmentSchema,
    create(ClusterLoadAssignmentSchema, {
      clusterName,
      endpoints: localities.map((group) => ({
        locality: { region: group.locality.region, zone: group.locality.zone, subZone: group.locality.subzone },
        ...(group.weight > 0 && { loadBalancingWeight: group.weight }),
        priority: group.priority ?? 0,
        lbEndpoints: group.members.map(({ endpoint, weight }) => ({
          loadBalancingWeight: weight,
          healthStatus: endpoint.health === 'unhealthy' ? HealthStatus.UNHEALTHY : HealthStatus.UNKNOWN,
          hostIdentifier: {
            case: 'endpoint' as const,
            value: {
              address: {
                address: {
                  case: 'socketAddress' as const,
                  value: { address: endpoint.address, portSpecifier: { case: 'portValue' as const, value: endpoint.port } },
                },
              },
            },
          },
        })),
      })),
    }),
  );
}

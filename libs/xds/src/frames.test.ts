import { expect, test } from '@jest/globals';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { DeltaDiscoveryResponseSchema, DiscoveryResponseSchema } from '@isthmus/proto/discovery';
import { ClusterLoadAssignmentSchema } from '@isthmus/proto/envoy';
import type { Resource } from '@isthmus/model';
import fc from 'fast-check';
import { deltaResponse, emptyAssignmentFrame, frameAll, framesInSteps, resourceFrame, sotwResponse } from './frames.ts';
import { EDS } from './type-urls.ts';

const wholeResource: fc.Arbitrary<Resource> = fc.record({
  name: fc.string({ unit: 'grapheme', maxLength: 200 }),
  version: fc.string({ maxLength: 40 }),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.nat(40_000).map((length) => new Uint8Array(length)),
  ),
});
const partedResource: fc.Arbitrary<Resource> = fc
  .record({
    name: fc.string(),
    version: fc.string(),
    parts: fc.array(
      fc.nat(20_000).map((length) => new Uint8Array(length).fill(length)),
      { minLength: 1, maxLength: 4 },
    ),
  })
  .map((resource) => ({ ...resource, bytes: Buffer.concat(resource.parts) }));
const anyResource = fc.oneof(wholeResource, partedResource);
const anyResponse = fc.record({
  type: fc.string(),
  version: fc.string(),
  nonce: fc.string(),
  resources: fc.array(anyResource, { maxLength: 5 }),
});

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('a concatenated DiscoveryResponse is the one that protobuf-es would write', () => {
  fc.assert(
    fc.property(anyResponse, ({ type, version, nonce, resources }) => {
      const frames = resources.flatMap((resource) => resourceFrame(resource, 'sotw', `type/${type}`));
      const expected = create(DiscoveryResponseSchema, {
        versionInfo: version,
        typeUrl: type,
        nonce,
        resources: resources.map(({ bytes }) => create(AnySchema, { typeUrl: `type/${type}`, value: bytes })),
        controlPlane: { identifier: 'isthmus' },
      });
      const ours = fromBinary(DiscoveryResponseSchema, Buffer.concat(sotwResponse(type, version, nonce, frames)));
      expect(hex(toBinary(DiscoveryResponseSchema, ours))).toBe(hex(toBinary(DiscoveryResponseSchema, expected)));
    }),
  );
});

test('a concatenated DeltaDiscoveryResponse is the one that protobuf-es would write', () => {
  fc.assert(
    fc.property(anyResponse, fc.array(fc.string()), ({ type, version, nonce, resources }, removed) => {
      const frames = resources.flatMap((resource) => resourceFrame(resource, 'delta', type));
      const expected = create(DeltaDiscoveryResponseSchema, {
        systemVersionInfo: version,
        typeUrl: type,
        nonce,
        removedResources: removed,
        resources: resources.map((one) => ({
          name: one.name,
          version: one.version,
          resource: create(AnySchema, { typeUrl: type, value: one.bytes }),
        })),
        controlPlane: { identifier: 'isthmus' },
      });
      const ours = fromBinary(DeltaDiscoveryResponseSchema, Buffer.concat(deltaResponse(type, version, nonce, frames, removed)));
      expect(hex(toBinary(DeltaDiscoveryResponseSchema, ours))).toBe(hex(toBinary(DeltaDiscoveryResponseSchema, expected)));
    }),
  );
});

test('an unknown cluster has an assignment without endpoints', () => {
  const response = fromBinary(
    DiscoveryResponseSchema,
    Buffer.concat(sotwResponse(EDS, '1', 'n', [emptyAssignmentFrame(EDS, 'outbound|80||x')])),
  );
  const assignment = fromBinary(ClusterLoadAssignmentSchema, response.resources[0]!.value);
  expect(assignment).toMatchObject({ clusterName: 'outbound|80||x', endpoints: [] });
  expect(response.resources[0]!.typeUrl).toBe(EDS);
});

test('a resource is framed once, whatever the number of streams', () => {
  const resource: Resource = { name: 'a', version: '1', bytes: Buffer.from('x') };
  expect(resourceFrame(resource, 'sotw', EDS)).toBe(resourceFrame(resource, 'sotw', EDS));
  expect(resourceFrame(resource, 'delta', EDS)).toBe(resourceFrame(resource, 'delta', EDS));
});

test('the parts of a long resource are sent as they are, without a copy', () => {
  const parts = [new Uint8Array(100_000), new Uint8Array(200_000)];
  const resource: Resource = {
    name: 'a',
    version: '1',
    parts,
    get bytes(): Uint8Array {
      throw new Error('joined');
    },
  };
  for (const transport of ['sotw', 'delta'] as const) {
    const frame = resourceFrame(resource, transport, EDS);
    for (const part of parts) expect(frame.some(({ buffer }) => buffer === part.buffer)).toBe(true);
  }
});

test('many frames in one buffer are the frames of each', () => {
  fc.assert(
    fc.property(fc.array(anyResource, { maxLength: 8 }), (resources) => {
      for (const transport of ['sotw', 'delta'] as const) {
        const joined = Buffer.concat(resources.flatMap((resource) => resourceFrame(resource, transport, EDS)));
        expect(hex(frameAll(resources, transport, EDS))).toBe(hex(joined));
      }
    }),
  );
});

test('thousands of frames are made in steps, and are the same', () => {
  const many = Array.from({ length: 3_500 }, (_, n): Resource => ({ name: `n${n}`, version: '1', bytes: Buffer.from(`v${n}`) }));
  const steps = framesInSteps(many, 'delta', EDS);
  let turns = 0;
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) turns += 1;
  expect(turns).toBeGreaterThan(3);
  expect(hex(Buffer.concat(step.value))).toBe(hex(frameAll(many, 'delta', EDS)));
});

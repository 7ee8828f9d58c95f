import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { create, toBinary } from '@bufbuild/protobuf';
import type { JsonObject } from '@bufbuild/protobuf';
import { DeltaDiscoveryRequestSchema, DiscoveryRequestSchema } from '@isthmus/proto/discovery';
import fc from 'fast-check';
import { readDeltaRequest, readSotwRequest } from './discovery-request.ts';
import { NameMemory } from './name-memory.ts';
import { CDS } from './type-urls.ts';

const text = fc.string({ unit: 'grapheme' });
const anyMetadata = fc.dictionary(
  text.filter((key) => key !== '__proto__'),
  fc.jsonValue({ depthSize: 'small' }).filter((value) => !JSON.stringify(value).includes('__proto__')),
) as fc.Arbitrary<JsonObject>;
const anyError = fc.option(fc.record({ code: fc.nat(16), message: text }), { nil: undefined });
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('a state-of-the-world request is read as protobuf-es wrote it', () => {
  fc.assert(
    fc.property(text, text, anyMetadata, fc.array(text), text, anyError, (id, type, metadata, names, nonce, error) => {
      const bytes = toBinary(
        DiscoveryRequestSchema,
        create(DiscoveryRequestSchema, {
          versionInfo: '7',
          node: {
            id,
            cluster: 'web',
            metadata,
            locality: { zone: 'z1' },
            userAgentName: 'envoy',
            userAgentVersionType: {
              case: 'userAgentBuildVersion',
              value: { version: { majorNumber: 1, minorNumber: 40, patch: 0 }, metadata: { 'ssl.version': 'BoringSSL' } },
            },
            clientFeatures: ['envoy.lb.does_not_support_overprovisioning'],
          },
          resourceNames: names,
          typeUrl: type,
          responseNonce: nonce,
          ...(error === undefined ? {} : { errorDetail: error }),
        }),
      );
      const request = readSotwRequest(bytes);
      expect(request).toMatchObject({ transport: 'sotw', type, nonce, names });
      expect(request.error).toEqual(error);
      expect(plain(request.node)).toEqual(
        plain({ id, cluster: 'web', metadata, userAgent: 'envoy 1.40.0', locality: { region: '', zone: 'z1', subzone: '' } }),
      );
    }),
  );
});

test('a delta request is read as protobuf-es wrote it', () => {
  fc.assert(
    fc.property(
      fc.array(text),
      fc.array(text),
      fc.dictionary(text, text, { noNullPrototype: true }),
      anyError,
      (add, drop, has, error) => {
        const bytes = toBinary(
          DeltaDiscoveryRequestSchema,
          create(DeltaDiscoveryRequestSchema, {
            node: { id: 'n', userAgentName: 'gRPC', userAgentVersionType: { case: 'userAgentVersion', value: '1.70' } },
            typeUrl: 'T',
            resourceNamesSubscribe: add,
            resourceNamesUnsubscribe: drop,
            initialResourceVersions: has,
            responseNonce: 'x',
            ...(error === undefined ? {} : { errorDetail: error }),
          }),
        );
        expect(readDeltaRequest(bytes)).toMatchObject({
          transport: 'delta',
          type: 'T',
          nonce: 'x',
          subscribe: add,
          unsubscribe: drop,
          error,
          initialVersions: new Map(Object.entries(has)),
          node: { id: 'n', userAgent: 'gRPC 1.70' },
        });
      },
    ),
  );
});

test('metadata that would exhaust the stack is refused', () => {
  let metadata: JsonObject = {};
  for (let depth = 0; depth < 100; depth += 1) metadata = { deeper: metadata };
  const bytes = toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { node: { metadata } }));
  expect(() => readSotwRequest(bytes)).toThrow('nested more than 32 levels');
});

test('a metadata key "__proto__" is a key like any other', () => {
  const metadata = JSON.parse('{"__proto__": {"polluted": true}}') as JsonObject;
  const { node } = readSotwRequest(toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { node: { metadata } })));
  expect(Object.keys(node!.metadata)).toEqual(Object.keys(metadata));
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('a node says where it is', () => {
  const locality = { region: 'eu', zone: 'eu-1', subZone: 'r7' };
  const bytes = toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { node: { id: 'n', locality } }));
  expect(readSotwRequest(bytes).node?.locality).toEqual({ region: 'eu', zone: 'eu-1', subzone: 'r7' });
});

test('bytes that are no message throw, and never read past their end', () => {
  const valid = toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { node: { id: 'web' }, typeUrl: 'T' }));
  expect(() => readDeltaRequest(valid.subarray(0, 4))).toThrow();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      for (const read of [readSotwRequest, readDeltaRequest]) {
        try {
          read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }
    }),
  );
});

test.each(['sotw', 'delta'] as const)('what a real Envoy 1.40 sent first is understood (%s)', async (transport) => {
  const bytes = await readFile(join(import.meta.dirname, `testdata/envoy-1.40-${transport}.bin`));
  const request = transport === 'sotw' ? readSotwRequest(bytes) : readDeltaRequest(bytes);
  expect(request).toMatchObject({
    transport,
    type: CDS,
    nonce: '',
    error: undefined,
    // The legacy wildcard, in delta too.
    ...(transport === 'sotw' ? { names: [] } : { subscribe: [], unsubscribe: [], initialVersions: new Map() }),
  });
  expect(plain(request.node)).toEqual({
    id: 'sidecar~10.0.0.1~web.shop~shop.svc.cluster.local',
    cluster: 'web',
    userAgent: 'envoy 1.40.0',
    locality: { region: '', zone: 'z1', subzone: '' },
    metadata: { NAMESPACE: 'shop', HTTP_PROXY_PORT: '15004', LABELS: { app: 'web' } },
  });
});

test('a long list of names that is repeated is the same array again, and one that differs anywhere is not', () => {
  const names = Array.from({ length: 1_000 }, (_, n) => `outbound|80||service-${n}.example`);
  const request = (resourceNames: string[], responseNonce: string) =>
    toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { typeUrl: CDS, responseNonce, resourceNames }));
  const memory = new NameMemory();
  const first = readSotwRequest(request(names, '1'), memory);
  const again = readSotwRequest(request(names, '2'), memory);
  expect(again).toMatchObject({ type: CDS, nonce: '2', names });
  expect(again.names).toBe(first.names);
  for (const other of [
    names.slice(1),
    names.slice(0, -1),
    [...names, 'one-more'],
    names.with(500, 'outbound|80||other-500.example'),
  ]) {
    expect(readSotwRequest(request(other, '3'), memory).names).toEqual(other);
  }
});

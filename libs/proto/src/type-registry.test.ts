import { create, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { AnySchema, anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { expect, test } from '@jest/globals';
import { ClusterSchema, HttpProtocolOptionsSchema } from './envoy.ts';
import { ServiceEntrySchema } from './istio.ts';
import { typeRegistry } from './type-registry.ts';

test('a typed_config inside an Any reads and writes as ProtoJSON', () => {
  const options = create(HttpProtocolOptionsSchema, {
    upstreamProtocolOptions: {
      case: 'explicitHttpConfig',
      value: { protocolConfig: { case: 'http2ProtocolOptions', value: { maxConcurrentStreams: 100 } } },
    },
  });
  const json = toJson(AnySchema, anyPack(HttpProtocolOptionsSchema, options), { registry: typeRegistry });
  expect(json).toEqual({
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicitHttpConfig: { http2ProtocolOptions: { maxConcurrentStreams: 100 } },
  });
  expect(anyUnpack(fromJson(AnySchema, json, { registry: typeRegistry }), typeRegistry)).toEqual(options);
});

test('pruning kept the field numbers: bytes that Envoy and Istio know', () => {
  // cluster.proto: name = 1, connect_timeout = 4; service_entry.proto: hosts = 1, resolution = 5, endpoints = 6.
  const cluster = toBinary(ClusterSchema, create(ClusterSchema, { name: 'a', connectTimeout: { seconds: 10n } }));
  expect(Buffer.from(cluster).toString('hex')).toBe('0a01612202080a');
  const entry = toBinary(
    ServiceEntrySchema,
    create(ServiceEntrySchema, { hosts: ['a'], resolution: 1, endpoints: [{ address: 'b' }] }),
  );
  expect(Buffer.from(entry).toString('hex')).toBe('0a016128013203' + '0a0162');
});

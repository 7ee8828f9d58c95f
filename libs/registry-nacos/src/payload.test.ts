import { describe, expect, test } from '@jest/globals';
import { create, createFileRegistry, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, file_google_protobuf_any } from '@bufbuild/protobuf/wkt';
import type { DescMessage } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { decodePayload, encodePayload } from './payload.ts';

/** The protocol's own descriptor, built field by field, so that an independent encoder checks ours. */
function independent(): DescMessage {
  const string = (name: string, number: number) => ({ name, number, label: 1, type: 9 });
  const message = (name: string, number: number, typeName: string, label = 1) => ({ name, number, label, type: 11, typeName });
  const file = create(FileDescriptorProtoSchema, {
    name: 'nacos_grpc_service.proto',
    syntax: 'proto3',
    dependency: ['google/protobuf/any.proto'],
    messageType: [
      {
        name: 'Metadata',
        field: [string('type', 3), string('clientIp', 8), message('headers', 7, '.Metadata.HeadersEntry', 3)],
        nestedType: [{ name: 'HeadersEntry', field: [string('key', 1), string('value', 2)], options: { mapEntry: true } }],
      },
      { name: 'Payload', field: [message('metadata', 2, '.Metadata'), message('body', 3, '.google.protobuf.Any')] },
    ],
  });
  const set = create(FileDescriptorSetSchema, { file: [file_google_protobuf_any.proto, file] });
  const found = createFileRegistry(set).getMessage('Payload');
  if (found === undefined) throw new Error('the descriptor has no Payload');
  return found;
}

const schema = independent();
const anyPayload = fc.record({
  type: fc.string(),
  headers: fc.dictionary(fc.string({ minLength: 1 }), fc.string(), { noNullPrototype: true }),
  body: fc.uint8Array({ maxLength: 300 }),
});
const plain = (payload: ReturnType<typeof decodePayload>) => ({ ...payload, body: [...payload.body] });

describe('a payload', () => {
  test('comes back as it was encoded', () => {
    fc.assert(
      fc.property(anyPayload, (payload) => {
        expect(plain(decodePayload(encodePayload(payload)))).toEqual(plain(payload));
      }),
      { examples: [[{ type: '', headers: JSON.parse('{"__proto__":"x"}') as Record<string, string>, body: new Uint8Array() }]] },
    );
  });

  test('is what a generated encoder reads and writes', () => {
    const body = Buffer.from('{"namespace":"public"}');
    const ours = encodePayload({ type: 'ServiceListRequest', headers: { accessToken: 'abc' }, body });
    const read = fromBinary(schema, ours) as unknown as {
      metadata: { type: string; headers: Record<string, string> };
      body: { value: Uint8Array };
    };
    expect(read.metadata.type).toBe('ServiceListRequest');
    expect(read.metadata.headers).toEqual({ accessToken: 'abc' });
    expect(Buffer.from(read.body.value).toString()).toBe('{"namespace":"public"}');
    const theirs = create(schema, {
      metadata: { type: 'SetupAckRequest', headers: { a: 'b' }, clientIp: '10.0.0.1' },
      body: { typeUrl: '', value: body },
    } as never);
    expect(decodePayload(toBinary(schema, theirs))).toMatchObject({ type: 'SetupAckRequest', headers: { a: 'b' } });
    expect(toJson(schema, fromBinary(schema, encodePayload({ type: '', headers: {}, body: new Uint8Array() })))).toBeDefined();
  });

  test('with a body of more than 16 kB keeps its length', () => {
    const body = Buffer.alloc(3_000_000, 'x');
    expect(decodePayload(encodePayload({ type: 'X', headers: {}, body })).body).toHaveLength(3_000_000);
  });

  test('of arbitrary bytes is read or refused, never a crash or a hang', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodePayload(bytes);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'registry.protocol' });
        }
      }),
    );
  });

  test('that is cut off is refused', () => {
    const whole = encodePayload({ type: 'X', headers: {}, body: Buffer.from('{}') });
    expect(() => decodePayload(whole.subarray(0, whole.length - 1))).toThrow('announces');
  });
});

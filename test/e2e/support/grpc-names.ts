import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';

/** The one method of the tests' gRPC servers: Empty in, StringValue out, the name of who answers. */
export const WHO = '/isthmus.test.Names/Who';

const asIs = (bytes: Buffer): Buffer => bytes;

/** A method of one request and one answer, for a server that reads and writes their bytes itself. */
export function unaryOfBytes<Path extends string>(path: Path) {
  const kind = { requestStream: false, responseStream: false } as const;
  const codec = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
  return { path, ...kind, ...codec } as const;
}

export interface GrpcOrder {
  readonly target: string;
  readonly calls: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface GrpcAnswers {
  /** By name, or by code of the failure. */
  readonly counts: Readonly<Record<string, number>>;
  /** Text of the last failure. */
  readonly said?: string;
}

export function encodeName(name: string): Buffer {
  return Buffer.from(toBinary(StringValueSchema, create(StringValueSchema, { value: name })));
}

export function decodeName(bytes: Buffer): string {
  return fromBinary(StringValueSchema, bytes).value;
}

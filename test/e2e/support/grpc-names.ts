import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';

/** The one method of the tests' gRPC servers: Empty in, StringValue out, the name of who answers. */
export const WHO = '/isthmus.test.Names/Who';

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

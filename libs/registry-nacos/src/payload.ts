import { IsthmusError } from '@isthmus/model';

/**
 * The one message of Nacos's gRPC protocol, with the fields of `nacos_grpc_service.proto` (no package):
 *
 *     Metadata { string type = 3; map<string, string> headers = 7; string clientIp = 8; }
 *     Payload  { Metadata metadata = 2; google.protobuf.Any body = 3; }     Any { string type_url = 1; bytes value = 2; }
 *
 * Three fields need no generated code; `payload.test.ts` holds it against an independent encoder.
 */
export interface Payload {
  /** Simple class name of the request or response in `body`. */
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON, UTF-8. */
  readonly body: Uint8Array;
}

const LENGTH_DELIMITED = 2;
const TYPE = (3 << 3) | LENGTH_DELIMITED;
const HEADERS = (7 << 3) | LENGTH_DELIMITED;
const METADATA = (2 << 3) | LENGTH_DELIMITED;
const BODY = (3 << 3) | LENGTH_DELIMITED;
const ENTRY_KEY = (1 << 3) | LENGTH_DELIMITED;
const ENTRY_VALUE = (2 << 3) | LENGTH_DELIMITED;
const ANY_VALUE = (2 << 3) | LENGTH_DELIMITED;

export function encodePayload(payload: Payload): Buffer {
  const metadata = [field(TYPE, Buffer.from(payload.type))];
  for (const [key, value] of Object.entries(payload.headers)) {
    metadata.push(field(HEADERS, Buffer.concat([field(ENTRY_KEY, Buffer.from(key)), field(ENTRY_VALUE, Buffer.from(value))])));
  }
  return Buffer.concat([field(METADATA, Buffer.concat(metadata)), field(BODY, field(ANY_VALUE, payload.body))]);
}

/** @throws IsthmusError `registry.protocol` when the bytes are no such message. Unknown fields are skipped. */
export function decodePayload(bytes: Uint8Array): Payload {
  let type = '';
  let body: Uint8Array = new Uint8Array();
  const headers: Record<string, string> = {};
  for (const [tag, value] of fields(bytes)) {
    if (tag === METADATA) {
      for (const [inner, text] of fields(value)) {
        if (inner === TYPE) type = Buffer.from(text).toString('utf8');
        if (inner === HEADERS) addHeader(headers, text);
      }
    }
    if (tag === BODY) {
      for (const [inner, json] of fields(value)) if (inner === ANY_VALUE) body = json;
    }
  }
  return { type, headers, body };
}

function addHeader(headers: Record<string, string>, entry: Uint8Array): void {
  let key = '';
  let value = '';
  for (const [tag, bytes] of fields(entry)) {
    if (tag === ENTRY_KEY) key = Buffer.from(bytes).toString('utf8');
    if (tag === ENTRY_VALUE) value = Buffer.from(bytes).toString('utf8');
  }
  if (key === '') return;
  // Not an assignment: a header named __proto__ would change the object instead of being in it.
  Object.defineProperty(headers, key, { value, enumerable: true, configurable: true, writable: true });
}

function field(tag: number, value: Uint8Array): Buffer {
  return Buffer.concat([varint(tag), varint(value.length), value]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

/** Length-delimited fields of a message with their tags; others are skipped (protobuf encoding, "Message Structure"). */
function* fields(bytes: Uint8Array): Generator<readonly [tag: number, value: Uint8Array]> {
  let at = 0;
  const read = (): number => {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = bytes[at];
      if (byte === undefined) throw malformed('ends within a number');
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 128) return value;
    }
    throw malformed('holds a number of more than 35 bits');
  };
  const skip = (length: number): number => {
    const start = at;
    if (length > bytes.length - at) throw malformed(`announces ${length} bytes and has ${bytes.length - at}`);
    at += length;
    return start;
  };
  while (at < bytes.length) {
    const tag = read();
    switch (tag & 7) {
      case 0:
        while ((bytes[skip(1)] ?? 0) >= 128);
        break;
      case 1:
        skip(8);
        break;
      case LENGTH_DELIMITED: {
        const start = skip(read());
        yield [tag, bytes.subarray(start, at)];
        break;
      }
      case 5:
        skip(4);
        break;
      default:
        throw malformed(`holds the wire type ${tag & 7}`);
    }
  }
}

function malformed(what: string): IsthmusError {
  return new IsthmusError('registry.protocol', `the message ${what}`, {
    meaning: 'it is no Payload of the Nacos gRPC protocol',
    remedy: 'check that the port is the gRPC port of Nacos (HTTP port + 1000)',
  });
}

import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';

export type SwarmTransport = 'sotw' | 'delta';

export interface Received {
  readonly type: string;
  readonly nonce: string;
  readonly version: string;
  /** Of the gRPC message. */
  readonly bytes: number;
  readonly resources: number;
}

const SERVICE = '/envoy.service.discovery.v3.AggregatedDiscoveryService';

/**
 * One xDS client as cheap as can be, so that a thousand of them measure the server: plain HTTP/2, frames counted without
 * decoding what is in the resources, every response acknowledged at once.
 */
export class SwarmStream {
  readonly #stream: ClientHttp2Stream;
  readonly #transport: SwarmTransport;
  readonly #names = new Map<string, readonly string[]>();
  readonly #onReceived: (received: Received, message: Buffer) => void;
  /** Of the message that is being read. */
  #parts: Buffer[] = [];
  #length = 0;
  #node: Uint8Array | undefined;
  #ended = false;

  constructor(
    session: ClientHttp2Session,
    transport: SwarmTransport,
    node: Uint8Array,
    on: { received(received: Received, message: Buffer): void; ended(reason: string): void },
  ) {
    this.#transport = transport;
    this.#node = node;
    this.#onReceived = (received, message) => on.received(received, message);
    const method = transport === 'delta' ? 'DeltaAggregatedResources' : 'StreamAggregatedResources';
    this.#stream = session.request({
      ':method': 'POST',
      ':path': `${SERVICE}/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.#stream.on('data', (chunk: Buffer) => this.#take(chunk));
    // A status without a message before it comes as headers.
    const ended = (reason: string): void => {
      if (!this.#ended) on.ended(reason);
      this.#ended = true;
    };
    const told = (headers: IncomingHttpHeaders): void =>
      ended(`grpc-status ${String(headers['grpc-status'])} ${String(headers['grpc-message'])}`);
    this.#stream.on('response', (headers) => {
      if ('grpc-status' in headers) told(headers);
    });
    this.#stream.on('error', (error: Error) => ended(error.message));
    this.#stream.on('close', () => ended('closed'));
    this.#stream.on('trailers', told);
  }

  /** @param names empty: all of them, in the form that Envoy uses at first */
  subscribe(type: string, names: readonly string[]): void {
    this.#names.set(type, names);
    this.#send(type, '', '', names);
  }

  close(): void {
    this.#stream.close();
  }

  #take(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= 5) {
      const head = this.#parts[0]!.length >= 5 ? this.#parts[0]! : this.#joined();
      const size = 5 + head.readUInt32BE(1);
      if (this.#length < size) return;
      const all = this.#joined();
      this.#parts = all.length === size ? [] : [all.subarray(size)];
      this.#length = all.length - size;
      this.#message(all.subarray(5, size));
    }
  }

  #joined(): Buffer {
    const all = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts = [all];
    return all;
  }

  #message(message: Buffer): void {
    const reader = new BinaryReader(message);
    let type = '';
    let nonce = '';
    let version = '';
    let resources = 0;
    while (reader.pos < reader.len) {
      const [field, wire] = reader.tag();
      if (field === 4) type = reader.string();
      else if (field === 5) nonce = reader.string();
      else if (field === 1 && this.#transport === 'sotw') version = reader.string();
      else {
        if (field === 2) resources += 1;
        reader.skip(wire, field);
      }
    }
    this.#send(type, version, nonce, this.#transport === 'sotw' ? (this.#names.get(type) ?? []) : []);
    this.#onReceived({ type, nonce, version, bytes: message.length, resources }, message);
  }

  /** DiscoveryRequest or DeltaDiscoveryRequest; the node goes with the first. */
  #send(type: string, version: string, nonce: string, names: readonly string[]): void {
    const writer = new BinaryWriter();
    const node = this.#node;
    this.#node = undefined;
    let shared: Uint8Array = NO_NAMES;
    if (this.#transport === 'delta') {
      if (node !== undefined) writer.tag(1, 2).bytes(node);
      writer.tag(2, 2).string(type);
      for (const name of names) writer.tag(3, 2).string(name);
      if (nonce !== '') writer.tag(6, 2).string(nonce);
    } else {
      if (version !== '') writer.tag(1, 2).string(version);
      if (node !== undefined) writer.tag(2, 2).bytes(node);
      if (names.length > 0) shared = encodedNames(names);
      writer.tag(4, 2).string(type);
      if (nonce !== '') writer.tag(5, 2).string(nonce);
    }
    const body = writer.finish();
    const frame = Buffer.allocUnsafe(5 + body.length);
    frame.writeUInt8(0, 0);
    frame.writeUInt32BE(body.length + shared.length, 1);
    frame.set(body, 5);
    if (this.#ended) return;
    this.#stream.cork();
    this.#stream.write(frame);
    if (shared.length > 0) this.#stream.write(shared); // not copied: fields may come in any order
    this.#stream.uncork();
  }
}

const NO_NAMES = new Uint8Array();
const encoded = new WeakMap<readonly string[], Uint8Array>();

/** The same list goes with every ACK of every stream: it is written once. */
function encodedNames(names: readonly string[]): Uint8Array {
  let bytes = encoded.get(names);
  if (bytes === undefined) {
    const writer = new BinaryWriter();
    for (const name of names) writer.tag(3, 2).string(name);
    bytes = writer.finish();
    encoded.set(names, bytes);
  }
  return bytes;
}

/** Names of the resources of a response: clusters, assignments and routes have theirs in field 1, as has the delta envelope (3). */
export function resourceNames(message: Uint8Array, transport: SwarmTransport): string[] {
  const names: string[] = [];
  for (const body of fields(message, 2)) {
    if (transport === 'delta') names.push(text(fields(body, 3)[0]));
    else names.push(text(fields(fields(body, 2)[0] ?? new Uint8Array(), 1)[0]));
  }
  return names;
}

function fields(message: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === wanted) found.push(reader.bytes());
    else reader.skip(wire, field);
  }
  return found;
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}

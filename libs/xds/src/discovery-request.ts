import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { TypeUrl } from '@isthmus/model';
import { NameMemory } from './name-memory.ts';
import { readNode } from './node-reader.ts';
import type { NodeInfo } from './resource-provider.ts';
import { sharedName } from './shared-names.ts';

/** google.rpc.Status of a NACK. */
export interface ErrorDetail {
  readonly code: number;
  readonly message: string;
}

const NAMES_TAG = (3 << 3) | 2;

interface RequestBase {
  /** Only in a stream's first request, with most clients. */
  readonly node: NodeInfo | undefined;
  /** `''` on the streams of a single type, where it is implied. */
  readonly type: TypeUrl;
  /** `''` if it answers nothing. */
  readonly nonce: string;
  /** Present: a NACK. */
  readonly error: ErrorDetail | undefined;
}

/** State of the world: each request names all that the client wants. */
export interface SotwRequest extends RequestBase {
  readonly transport: 'sotw';
  /** Of the last response that it accepted, on an earlier stream perhaps; `''` if there is none. */
  readonly version: string;
  readonly names: readonly string[];
}

/** Incremental: each request names what changes. */
export interface DeltaRequest extends RequestBase {
  readonly transport: 'delta';
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** Name → version of what the client still has from an earlier stream. */
  readonly initialVersions: ReadonlyMap<string, string>;
}

export type DiscoveryRequest = SotwRequest | DeltaRequest;

/**
 * envoy.service.discovery.v3.DiscoveryRequest. Hand-written because requests are read on the hot path of every ACK.
 * @param memory of the stream: a list of names that a request repeats is the same array again
 * @throws Error when the bytes are no protobuf message
 */
export function readSotwRequest(bytes: Uint8Array, memory = new NameMemory()): SotwRequest {
  const reader = new BinaryReader(bytes);
  const lists: (readonly string[])[] = [];
  let node: NodeInfo | undefined;
  let version = '';
  let type = '';
  let nonce = '';
  let error: ErrorDetail | undefined;
  while (reader.pos < reader.len) {
    const at = reader.pos;
    const [field, wire] = reader.tag();
    if (field === 1) version = reader.string();
    else if (field === 2) node = readNode(reader.bytes());
    else if (field === 3) lists.push(readNames(reader, at, bytes, memory));
    else if (field === 4) type = reader.string();
    else if (field === 5) nonce = reader.string();
    else if (field === 6) error = readStatus(reader.bytes());
    else reader.skip(wire, field);
  }
  const [first = []] = lists;
  return { transport: 'sotw', node, version, type, nonce, error, names: lists.length > 1 ? lists.flat() : first };
}

/** All the names that follow one another from `at`, the tag of the first: field 3, whose tag is one byte. */
function readNames(reader: BinaryReader, at: number, bytes: Uint8Array, memory: NameMemory): readonly string[] {
  const known = memory.find(bytes, at);
  if (known !== undefined) {
    reader.pos = at + known.bytes.length;
    return known.names;
  }
  const names = [sharedName(reader.string())];
  while (bytes[reader.pos] === NAMES_TAG) {
    reader.pos += 1;
    names.push(sharedName(reader.string()));
  }
  memory.remember(bytes.subarray(at, reader.pos), names);
  return names;
}

/**
 * envoy.service.discovery.v3.DeltaDiscoveryRequest.
 * @throws Error when the bytes are no protobuf message
 */
export function readDeltaRequest(bytes: Uint8Array): DeltaRequest {
  const reader = new BinaryReader(bytes);
  const subscribe: string[] = [];
  const unsubscribe: string[] = [];
  const initialVersions = new Map<string, string>();
  let node: NodeInfo | undefined;
  let type = '';
  let nonce = '';
  let error: ErrorDetail | undefined;
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1) node = readNode(reader.bytes());
    else if (field === 2) type = reader.string();
    else if (field === 3) subscribe.push(sharedName(reader.string()));
    else if (field === 4) unsubscribe.push(reader.string());
    else if (field === 5) readVersionEntry(reader.bytes(), initialVersions);
    else if (field === 6) nonce = reader.string();
    else if (field === 7) error = readStatus(reader.bytes());
    else reader.skip(wire, field);
  }
  return { transport: 'delta', node, type, nonce, error, subscribe, unsubscribe, initialVersions };
}

function readVersionEntry(bytes: Uint8Array, into: Map<string, string>): void {
  const reader = new BinaryReader(bytes);
  let name = '';
  let version = '';
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1) name = reader.string();
    else if (field === 2) version = reader.string();
    else reader.skip(wire, field);
  }
  into.set(name, version);
}

function readStatus(bytes: Uint8Array): ErrorDetail {
  const reader = new BinaryReader(bytes);
  let code = 0;
  let message = '';
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1) code = reader.int32();
    else if (field === 2) message = reader.string();
    else reader.skip(wire, field);
  }
  return { code, message };
}

import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { TypeUrl } from '@isthmus/model';
import { readNode } from './node-reader.ts';
import type { NodeInfo } from './resource-provider.ts';

/** google.rpc.Status of a NACK. */
export interface ErrorDetail {
  readonly code: number;
  readonly message: string;
}

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
 * @throws Error when the bytes are no protobuf message
 */
export function readSotwRequest(bytes: Uint8Array): SotwRequest {
  const reader = new BinaryReader(bytes);
  const names: string[] = [];
  let node: NodeInfo | undefined;
  let type = '';
  let nonce = '';
  let error: ErrorDetail | undefined;
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 2) node = readNode(reader.bytes());
    else if (field === 3) names.push(reader.string());
    else if (field === 4) type = reader.string();
    else if (field === 5) nonce = reader.string();
    else if (field === 6) error = readStatus(reader.bytes());
    else reader.skip(wire, field);
  }
  return { transport: 'sotw', node, type, nonce, error, names };
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
    else if (field === 3) subscribe.push(reader.string());
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

import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Locality } from '@isthmus/model';
import type { NodeInfo } from './resource-provider.ts';

/** Deeper metadata is refused: the reader recurses, and the sender is not to be trusted with our stack. */
const MAX_DEPTH = 32;

/** envoy.config.core.v3.Node */
export function readNode(bytes: Uint8Array): NodeInfo {
  const reader = new BinaryReader(bytes);
  let id = '';
  let cluster = '';
  let metadata: Record<string, unknown> = {};
  let locality: Locality | undefined;
  let agentName = '';
  let agentVersion = '';
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1) id = reader.string();
    else if (field === 2) cluster = reader.string();
    else if (field === 3) metadata = readStruct(reader.bytes(), 0);
    else if (field === 4) locality = readLocality(reader.bytes());
    else if (field === 6) agentName = reader.string();
    else if (field === 7) agentVersion = reader.string();
    else if (field === 8) agentVersion = readBuildVersion(reader.bytes());
    else reader.skip(wire, field);
  }
  const userAgent = [agentName, agentVersion].filter((part) => part !== '').join(' ');
  return { id, cluster, metadata, userAgent, ...(locality === undefined ? {} : { locality }) };
}

function readLocality(bytes: Uint8Array): Locality {
  const reader = new BinaryReader(bytes);
  const parts = ['', '', ''];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field >= 1 && field <= 3) parts[field - 1] = reader.string();
    else reader.skip(wire, field);
  }
  const [region = '', zone = '', subzone = ''] = parts;
  return { region, zone, subzone };
}

function readStruct(bytes: Uint8Array, depth: number): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw new Error(`node metadata is nested more than ${MAX_DEPTH} levels deep`);
  const reader = new BinaryReader(bytes);
  const struct: Record<string, unknown> = Object.create(null); // "__proto__" is a key like any other
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1) readStructEntry(reader.bytes(), struct, depth);
    else reader.skip(wire, field);
  }
  return struct;
}

function readStructEntry(bytes: Uint8Array, into: Record<string, unknown>, depth: number): void {
  const reader = new BinaryReader(bytes);
  let key = '';
  let value: unknown = null;
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1) key = reader.string();
    else if (field === 2) value = readValue(reader.bytes(), depth + 1);
    else reader.skip(wire, field);
  }
  into[key] = value;
}

function readValue(bytes: Uint8Array, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new Error(`node metadata is nested more than ${MAX_DEPTH} levels deep`);
  const reader = new BinaryReader(bytes);
  let value: unknown = null;
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 2) value = reader.double();
    else if (field === 3) value = reader.string();
    else if (field === 4) value = reader.bool();
    else if (field === 5) value = readStruct(reader.bytes(), depth);
    else if (field === 6) value = readList(reader.bytes(), depth);
    else reader.skip(wire, field);
  }
  return value;
}

function readList(bytes: Uint8Array, depth: number): unknown[] {
  const reader = new BinaryReader(bytes);
  const list: unknown[] = [];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1) list.push(readValue(reader.bytes(), depth + 1));
    else reader.skip(wire, field);
  }
  return list;
}

/** envoy.config.core.v3.BuildVersion: { version: SemanticVersion { major, minor, patch } } */
function readBuildVersion(bytes: Uint8Array): string {
  const reader = new BinaryReader(bytes);
  const numbers = [0, 0, 0];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field !== 1) {
      reader.skip(wire, field);
      continue;
    }
    const version = new BinaryReader(reader.bytes());
    while (version.pos < version.len) {
      const [part, partWire] = version.tag();
      if (part >= 1 && part <= 3) numbers[part - 1] = version.uint32();
      else version.skip(partWire, part);
    }
  }
  return numbers.join('.');
}

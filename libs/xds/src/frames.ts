import type { Resource, TypeUrl } from '@isthmus/model';

/**
 * Discovery responses by concatenation: a resource is framed once, whatever the number of streams that get it, and a
 * response is its frames plus a few short fields (1,000 resources: 0.09 ms instead of 0.6 ms with protobuf-es).
 */

/** The `type_url` of the Any around a resource; differs from the subscribed type for MCP only. */
export type AnyType = string;

const sotwFrames = new WeakMap<Resource, Buffer>();
const deltaFrames = new WeakMap<Resource, Buffer>();

/** `DiscoveryResponse.resources` (field 2): one Any. */
export function sotwFrame(resource: Resource, anyType: AnyType): Buffer {
  let frame = sotwFrames.get(resource);
  if (frame === undefined) {
    frame = message(2, anyChunks(anyType, resource.bytes));
    sotwFrames.set(resource, frame);
  }
  return frame;
}

/** `DeltaDiscoveryResponse.resources` (field 2): one Resource { version 1, resource 2, name 3 }. */
export function deltaFrame(resource: Resource, anyType: AnyType): Buffer {
  let frame = deltaFrames.get(resource);
  if (frame === undefined) {
    const any = anyChunks(anyType, resource.bytes);
    frame = message(2, [text(1, resource.version), head(2, size(any)), ...any, text(3, resource.name)]);
    deltaFrames.set(resource, frame);
  }
  return frame;
}

/** What state of the world says of a cluster that we do not know: without any answer it would warm forever. */
export function emptyAssignmentFrame(eds: TypeUrl, clusterName: string): Buffer {
  return message(2, anyChunks(eds, text(1, clusterName)));
}

const CONTROL_PLANE = text(1, 'isthmus');

export function sotwResponse(type: TypeUrl, version: string, nonce: string, frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat([text(1, version), ...frames, text(4, type), text(5, nonce), message(6, [CONTROL_PLANE])]);
}

export function deltaResponse(
  type: TypeUrl,
  version: string,
  nonce: string,
  frames: readonly Uint8Array[],
  removed: readonly string[],
): Buffer {
  const gone = removed.map((name) => text(6, name));
  return Buffer.concat([text(1, version), ...frames, text(4, type), text(5, nonce), ...gone, message(7, [CONTROL_PLANE])]);
}

function anyChunks(type: AnyType, value: Uint8Array): Uint8Array[] {
  return [text(1, type), head(2, value.length), value];
}

function text(field: number, value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return message(field, [bytes]);
}

function message(field: number, chunks: readonly Uint8Array[]): Buffer {
  return Buffer.concat([head(field, size(chunks)), ...chunks]);
}

function size(chunks: readonly Uint8Array[]): number {
  let total = 0;
  for (const chunk of chunks) total += chunk.length;
  return total;
}

/** Tag and length of a length-delimited field; all field numbers here fit in one byte. */
function head(field: number, length: number): Uint8Array {
  const bytes = [(field << 3) | 2];
  let rest = length;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

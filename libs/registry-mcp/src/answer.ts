import { fromBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import type { TypeUrl } from '@isthmus/model';
import { DeltaDiscoveryResponseSchema, DiscoveryResponseSchema, ResourceSchema } from '@isthmus/proto/discovery';
import type { WireResource } from './decode.ts';

export type Transport = 'delta' | 'sotw';

/** One response of the server. */
export interface Answer {
  readonly type: TypeUrl;
  /** State of the world: what is not in it is gone. */
  readonly isWhole: boolean;
  /** Decoded one by one as they are asked for: 10,000 at once would hold the event loop for 30 ms. */
  readonly resources: Iterable<WireResource>;
  /** Delta: names that are gone. */
  readonly removed: readonly string[];
  readonly version: string;
  readonly nonce: string;
}

/** `resources` of DiscoveryResponse and DeltaDiscoveryResponse. */
const RESOURCES = 2;

/**
 * @param marker a removed name that is not to be told
 * @throws when the frame itself is no protobuf
 */
export function readAnswer(transport: Transport, bytes: Uint8Array, marker: string): Answer {
  const { resources, rest } = split(bytes);
  if (transport === 'delta') {
    const { typeUrl, removedResources, nonce } = fromBinary(DeltaDiscoveryResponseSchema, rest);
    const removed = removedResources.filter((name) => name !== marker);
    const answer = { type: typeUrl as TypeUrl, isWhole: false, removed, version: '', nonce };
    return { ...answer, resources: { [Symbol.iterator]: () => each(resources, named) } };
  }
  const { typeUrl, versionInfo, nonce } = fromBinary(DiscoveryResponseSchema, rest);
  const answer = { type: typeUrl as TypeUrl, isWhole: true, removed: [], version: versionInfo, nonce };
  return { ...answer, resources: { [Symbol.iterator]: () => each(resources, unnamed) } };
}

function named(bytes: Uint8Array): WireResource {
  const { name, version, resource } = fromBinary(ResourceSchema, bytes);
  return { name, version, typeUrl: resource?.typeUrl ?? '', value: resource?.value ?? new Uint8Array() };
}

function unnamed(bytes: Uint8Array): WireResource {
  const { typeUrl, value } = fromBinary(AnySchema, bytes);
  return { name: '', version: '', typeUrl, value };
}

function* each(resources: readonly Uint8Array[], decode: (bytes: Uint8Array) => WireResource): Generator<WireResource> {
  for (const bytes of resources) {
    let wire: WireResource;
    try {
      wire = decode(bytes);
    } catch {
      wire = { name: '', version: '', typeUrl: '', value: bytes }; // refused as a resource that nobody can name
    }
    yield wire;
  }
}

/** The resources as they are, and the message without them. */
function split(bytes: Uint8Array): { readonly resources: readonly Uint8Array[]; readonly rest: Uint8Array } {
  const reader = new BinaryReader(bytes);
  const resources: Uint8Array[] = [];
  const rest: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const from = reader.pos;
    const [field, type] = reader.tag();
    if (field === RESOURCES && type === WireType.LengthDelimited) resources.push(reader.bytes());
    else {
      reader.skip(type, field);
      rest.push(bytes.subarray(from, reader.pos));
    }
  }
  return { resources, rest: Buffer.concat(rest) };
}

import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Resource } from '@isthmus/model';
import type { AnyType } from './frames.ts';

const RESOURCE_TYPE = 'type.googleapis.com/envoy.service.discovery.v3.Resource';

/** Fields of envoy.service.discovery.v3.Resource. */
const FIELD = { version: 1, resource: 2, name: 3, ttl: 6 };

interface Kept {
  readonly ttl: number;
  readonly frame: Buffer;
}

const kept = { sotw: new WeakMap<Resource, Kept>(), delta: new WeakMap<Resource, Kept>() };

/**
 * A resource that its client drops unless it hears of it again within `ttl` ms (xDS protocol, "TTL"). State of the world puts a
 * Resource around it, which delta has anyway. Encoded once.
 */
export function ttlFrame(resource: Resource, transport: 'sotw' | 'delta', anyType: AnyType, ttl: number): Buffer {
  const known = kept[transport].get(resource);
  if (known?.ttl === ttl) return known.frame;
  const body = new BinaryWriter().uint32(head(1)).string(anyType).uint32(head(2)).bytes(resource.bytes).finish();
  const frame = framed(wrapped(resource.name, resource.version, ttl, body), transport);
  kept[transport].set(resource, { ttl, frame });
  return frame;
}

/** Delta's "still the same": no body, in the version that the client has. */
export function heartbeatFrame({ name, version }: Resource, ttl: number): Buffer {
  return framed(wrapped(name, version, ttl, undefined), 'delta');
}

function wrapped(name: string, version: string, ttl: number, body: Uint8Array | undefined): Uint8Array {
  const writer = new BinaryWriter().uint32(head(FIELD.version)).string(version);
  if (body !== undefined) writer.uint32(head(FIELD.resource)).bytes(body);
  writer.uint32(head(FIELD.name)).string(name);
  const time = new BinaryWriter()
    .uint32(1 << 3)
    .int64(Math.floor(ttl / 1_000))
    .uint32(2 << 3)
    .int32((ttl % 1_000) * 1_000_000);
  return writer.uint32(head(FIELD.ttl)).bytes(time.finish()).finish();
}

/** `resources` (field 2) of either response. */
function framed(resource: Uint8Array, transport: 'sotw' | 'delta'): Buffer {
  const any = new BinaryWriter().uint32(head(1)).string(RESOURCE_TYPE).uint32(head(2)).bytes(resource);
  const body = transport === 'delta' ? resource : any.finish();
  return Buffer.from(new BinaryWriter().uint32(head(2)).bytes(body).finish());
}

/** Tag of a length-delimited field. */
function head(field: number): number {
  return (field << 3) | 2;
}

/** `type.googleapis.com/envoy.config.cluster.v3.Cluster` and the like. */
export type TypeUrl = string;

/** One resource, encoded once and shared by every stream that gets it. */
export interface Resource {
  readonly name: string;
  /** Hash of the content: equal bytes, equal version, on every replica. */
  readonly version: string;
  /** The encoded message (not yet wrapped in an Any; the type URL is the one of the map it is in). */
  readonly bytes: Uint8Array;
  /** Where that is much: what `bytes` is put together from at each asking. Who only passes it on takes these. */
  readonly parts?: readonly Uint8Array[];
}

/** The bytes, in one or more parts; they must not be changed. */
export function resourceParts(resource: Resource): readonly Uint8Array[] {
  return resource.parts ?? [resource.bytes];
}

/** Of the bytes. */
export function resourceSize(resource: Resource): number {
  if (resource.parts === undefined) return resource.bytes.length;
  let size = 0;
  for (const part of resource.parts) size += part.length;
  return size;
}

export interface Snapshot {
  readonly revision: number;
  readonly resources: ReadonlyMap<TypeUrl, ReadonlyMap<string, Resource>>;
}

/** What a flush changed; an undefined resource is gone. */
export interface SnapshotChange {
  readonly revision: number;
  readonly changed: ReadonlyMap<TypeUrl, ReadonlyMap<string, Resource | undefined>>;
}

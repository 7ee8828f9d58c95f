import { create, fromJson, toBinary } from '@bufbuild/protobuf';
import type { JsonValue } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { Any } from '@bufbuild/protobuf/wkt';
import { DestinationRuleSchema, ResourceSchema, VirtualServiceSchema } from '@isthmus/proto/istio';
import type { MeshObject, Resource, TypeUrl } from '@isthmus/model';
import { keptBytes } from './kept-bytes.ts';
import { contentVersion } from './resource.ts';

interface McpContent {
  readonly createTime: { readonly seconds: bigint; readonly nanos: number };
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly body: Any;
}

/**
 * An encoded `istio.mcp.v1alpha1.Resource`. istiod applies one only when `metadata.version` has changed, so the version covers
 * metadata and spec. @param name `namespace/name`
 */
export function mcpResource(name: string, { createTime, labels, annotations, body }: McpContent): Resource {
  const metadata = { name, createTime, labels: { ...labels }, annotations: { ...annotations } };
  const resource = create(ResourceSchema, { metadata, body });
  const version = contentVersion(toBinary(ResourceSchema, resource));
  if (resource.metadata !== undefined) resource.metadata.version = version;
  return { name, version, bytes: keptBytes(toBinary(ResourceSchema, resource)) };
}

/**
 * What istiod gets of an object of `callerObjects`. As old as can be: of two VirtualServices of one host and namespace istiod takes
 * the older, and ours has the other's routes in it.
 */
export function callerResource({ kind, metadata, spec }: MeshObject): { readonly type: TypeUrl; readonly resource: Resource } {
  const { namespace, name, labels, annotations } = metadata;
  const body =
    kind === 'VirtualService'
      ? anyPack(VirtualServiceSchema, fromJson(VirtualServiceSchema, spec as JsonValue))
      : anyPack(DestinationRuleSchema, fromJson(DestinationRuleSchema, spec as JsonValue));
  const resource = mcpResource(`${namespace}/${name}`, { createTime: { seconds: 0n, nanos: 0 }, labels, annotations, body });
  return { type: `networking.istio.io/v1/${kind}` as TypeUrl, resource };
}

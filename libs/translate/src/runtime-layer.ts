import { create, toBinary } from '@bufbuild/protobuf';
import type { JsonObject } from '@bufbuild/protobuf';
import { RuntimeSchema } from '@isthmus/proto/envoy';
import type { Resource, TypeUrl } from '@isthmus/model';
import { resource } from './resource.ts';

export const RUNTIME_TYPE: TypeUrl = 'type.googleapis.com/envoy.service.runtime.v3.Runtime';

/** Key → value. A share is Envoy's `type.v3.FractionalPercent` as JSON. */
export type RuntimeValues = Readonly<
  Record<string, number | boolean | string | { readonly numerator: number; readonly denominator: string }>
>;

/** A layer of Envoy's runtime, as RTDS serves it. Equal values, equal bytes, in whatever order they are written. */
export function runtimeLayer(name: string, values: RuntimeValues): Resource {
  const layer: JsonObject = {};
  for (const key of Object.keys(values).sort()) {
    const value = values[key]!;
    layer[key] = typeof value === 'object' ? { denominator: value.denominator, numerator: value.numerator } : value;
  }
  return resource(name, toBinary(RuntimeSchema, create(RuntimeSchema, { name, layer })));
}

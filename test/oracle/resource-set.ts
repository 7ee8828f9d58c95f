/** JSON as ProtoJSON gives it. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export const resourceKinds = ['clusters', 'listeners', 'routes', 'endpoints'] as const;
export type ResourceKind = (typeof resourceKinds)[number];

/** All that one proxy is sent, by name; typed_config is expanded. */
export type ResourceSet = Readonly<Record<ResourceKind, Readonly<Record<string, JsonObject>>>>;

export const noResources: ResourceSet = { clusters: {}, listeners: {}, routes: {}, endpoints: {} };

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

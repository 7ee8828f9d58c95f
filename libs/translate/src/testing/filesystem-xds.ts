import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { ClusterLoadAssignmentSchema, ClusterSchema, ListenerSchema, RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import type { DescMessage, JsonValue } from '@bufbuild/protobuf';
import type { Resource, TypeUrl } from '@isthmus/model';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from '../names.ts';

export type Resources = ReadonlyMap<TypeUrl, readonly Resource[]>;

const SCHEMAS = new Map<TypeUrl, DescMessage>([
  [CLUSTER_TYPE, ClusterSchema],
  [ENDPOINT_TYPE, ClusterLoadAssignmentSchema],
  [LISTENER_TYPE, ListenerSchema],
  [ROUTE_TYPE, RouteConfigurationSchema],
]);

/** Encoded resources as files that a real Envoy reads: the same messages, with `ads` replaced by a file each. */
export class FilesystemXds {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Bootstrap without listeners and clusters of its own. */
  bootstrap(): Record<string, unknown> {
    return {
      node: { id: 'sidecar~127.0.0.1~web.test~test', cluster: 'test' },
      dynamic_resources: { cds_config: this.#from('clusters'), lds_config: this.#from('listeners') },
    };
  }

  async write(resources: Resources): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    for (const resource of resources.get(ENDPOINT_TYPE) ?? []) await this.#put(fileOf(resource.name), ENDPOINT_TYPE, [resource]);
    for (const resource of resources.get(ROUTE_TYPE) ?? []) await this.#put(fileOf(resource.name), ROUTE_TYPE, [resource]);
    await this.#put('clusters', CLUSTER_TYPE, resources.get(CLUSTER_TYPE) ?? []);
    await this.#put('listeners', LISTENER_TYPE, resources.get(LISTENER_TYPE) ?? []);
  }

  async #put(file: string, type: TypeUrl, resources: readonly Resource[]): Promise<void> {
    const schema = SCHEMAS.get(type);
    if (schema === undefined) throw new Error(`no schema for ${type}`);
    const decoded = resources.map(({ bytes }) => ({
      '@type': type,
      ...(this.#fromFiles(toJson(schema, fromBinary(schema, bytes), { registry: typeRegistry })) as object),
    }));
    const path = join(this.#dir, `${file}.json`);
    const version = resources.map((resource) => resource.version).join();
    await writeFile(`${path}.new`, JSON.stringify({ version_info: version, resources: decoded }));
    await rename(`${path}.new`, path); // Envoy watches for moves
  }

  #from(file: string): Record<string, unknown> {
    return { path_config_source: { path: join(this.#dir, `${file}.json`) }, resource_api_version: 'V3' };
  }

  #fromFiles(json: JsonValue): unknown {
    if (Array.isArray(json)) return json.map((item) => this.#fromFiles(item));
    if (typeof json !== 'object' || json === null) return json;
    const copy: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(json)) copy[key] = this.#fromFiles(value);
    const name = json['serviceName'] ?? json['routeConfigName'];
    if (typeof name === 'string')
      copy[json['serviceName'] === undefined ? 'configSource' : 'edsConfig'] = this.#from(fileOf(name));
    return copy;
  }
}

function fileOf(name: string): string {
  return encodeURIComponent(name);
}

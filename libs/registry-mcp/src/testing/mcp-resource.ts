import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { Resource } from '@isthmus/model';
import { ResourceSchema, ServiceEntrySchema, ServiceEntry_Resolution, WorkloadEntrySchema } from '@isthmus/proto/istio';
import type { TestInstance } from '@isthmus/registry/testing';

export type Spec = MessageInitShape<typeof ServiceEntrySchema>;

let lastVersion = 0;

/** A ServiceEntry as a server of MCP sends it; every call is a new version. */
export function serviceEntry(name: string, spec: Spec, annotations: Record<string, string> = {}): Resource {
  return encode(name, anyPack(ServiceEntrySchema, create(ServiceEntrySchema, spec)), annotations);
}

export function workloadEntry(name: string, spec: MessageInitShape<typeof WorkloadEntrySchema>): Resource {
  return encode(name, anyPack(WorkloadEntrySchema, create(WorkloadEntrySchema, spec)), {});
}

function encode(name: string, body: Any, annotations: Record<string, string>): Resource {
  const version = `${(lastVersion += 1)}`;
  const resource = create(ResourceSchema, { metadata: { name, version, annotations }, body });
  return { name, version, bytes: toBinary(ResourceSchema, resource) };
}

/** As a bridge writes it: weights in hundredths, nothing of what takes no traffic. */
export function bridgeEntry(service: string, instances: readonly TestInstance[]): Resource {
  const serving = instances.filter(({ healthy = true, enabled = true }) => healthy && enabled);
  const endpoints = serving.map(({ address, port, weight = 1, metadata = {} }) => ({
    address,
    ports: { 'http-80': port },
    weight: Math.round(weight * 100),
    labels: { ...metadata },
  }));
  const ports = [{ number: 80, name: 'http-80', protocol: 'HTTP' }];
  const spec = { hosts: [service], ports, endpoints, resolution: ServiceEntry_Resolution.STATIC };
  return serviceEntry(`isthmus/${service}`, spec, { 'isthmus.dev/origins': `shop/public/G/${service}` });
}

import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ResourceSchema, ServiceEntry_Location, ServiceEntry_Resolution, ServiceEntrySchema } from '@isthmus/proto/istio';
import type { ResourceChange } from '../snapshot-store.ts';

export const SERVICE_ENTRY = 'networking.istio.io/v1/ServiceEntry';

/** `shop/<name>`: one HTTP port, one endpoint per address. */
export function serviceEntry(name: string, addresses: readonly string[], version = addresses.join()): ResourceChange {
  const spec = create(ServiceEntrySchema, {
    hosts: [`${name}.shop.test`],
    ports: [{ number: 80, name: 'http-80', protocol: 'HTTP' }],
    location: ServiceEntry_Location.MESH_INTERNAL,
    resolution: ServiceEntry_Resolution.STATIC,
    endpoints: addresses.map((address) => ({ address, ports: { 'http-80': 8080 } })),
  });
  const message = create(ResourceSchema, {
    metadata: { name: `shop/${name}`, version, createTime: { seconds: 1n } },
    body: anyPack(ServiceEntrySchema, spec),
  });
  const key = `shop/${name}`;
  return { type: SERVICE_ENTRY, name: key, resource: { name: key, version, bytes: toBinary(ResourceSchema, message) } };
}
